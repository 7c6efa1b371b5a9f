using System.Diagnostics.Metrics;

namespace Postern.Tests.Upstreams.Observing;

/// <summary>What a listener for OpenTelemetry is told of calls.</summary>
public sealed class ObservingHandlerTests
{
    [Fact]
    public async Task A_destination_is_named_by_address_and_port_as_the_conventions_have_them()
    {
        await using var service = new Service(503);
        var port = new Uri(service.Url).Port;
        var seen = new List<Dictionary<string, object?>>();
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument is { Name: "http.client.request.duration", Meter.Name: "Postern" })
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((_, _, tags, _) =>
        {
            var all = tags.ToArray().ToDictionary(t => t.Key, t => t.Value);
            lock (seen)
            {
                if (port.Equals(all.GetValueOrDefault("server.port")))
                {
                    seen.Add(all);
                }
            }
        });
        listener.Start();
        using var up = new OneUpstream($"{{ url: \"{service.Url}\" }}");
        Assert.Equal("503", await up.CallAsync());
        var call = Assert.Single(seen);
        Assert.Equal(("127.0.0.1", "GET", 503, "503", "up"),
            (call["server.address"], call["http.request.method"], call["http.response.status_code"], call["error.type"], call["postern.upstream"]));
    }
}
