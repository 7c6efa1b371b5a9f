using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding;

/// <summary>What all destinations of an upstream share.</summary>
internal sealed record DestinationSettings(UpstreamProtocol Protocol, TimeSpan ConnectTimeout, int MaxConnections, TimeProvider Time)
{
    public static DestinationSettings From(ForwardingOptions options, TimeProvider? time = null) => new(
        options.Protocol ?? UpstreamProtocol.Http1, options.ConnectTimeout ?? TimeSpan.FromSeconds(5), options.MaxConnections ?? 1024, time ?? TimeProvider.System);
}

/// <summary>
/// One address of an upstream, with its open connections. It outlives reloads in the <see cref="StatePool"/>. Once retired
/// it still serves calls of an old snapshot; their connections are closed afterwards instead of kept.
/// </summary>
internal sealed class Destination : IDisposable
{
    /// <summary>Where a plain <see cref="HttpRequestMessage"/> carries the destination that balancing chose for it.</summary>
    public static readonly HttpRequestOptionsKey<Destination> Key = new("postern.destination");

    private readonly IWire wire;
    private int inFlight;

    public Destination(string url, DestinationSettings settings)
    {
        var uri = new Uri(url);
        Name = $"{uri.Host}:{uri.Port}";
        wire = settings.Protocol == UpstreamProtocol.Http2
            ? new Http2.Wire(uri, Name, settings)
            : new Http1.Wire(new Http1.Dialer(uri.IdnHost, uri.Port, Name, settings));
    }

    /// <summary><c>host:port</c>, as logs and metrics name it, and the <c>Host</c> it is asked for.</summary>
    public string Name { get; }

    /// <summary>Calls that balancing has sent here and that have not ended.</summary>
    public int InFlight => Volatile.Read(ref inFlight);

    /// <summary>Counts a call in; balancing does, before it sends.</summary>
    public void Enter() => Interlocked.Increment(ref inFlight);

    /// <summary>Counts a call out, after its body's end.</summary>
    public void Leave() => Interlocked.Decrement(ref inFlight);

    /// <summary>The destinations of one upstream in the order written; those that the last configuration had are the same objects.</summary>
    public static Destination[] Of(UpstreamScope scope)
    {
        var options = scope.Options<ForwardingOptions>();
        var settings = DestinationSettings.From(options);
        var urls = options.Urls ?? (options.Url is null ? [] : [options.Url]);
        var all = new Destination[urls.Count];
        for (var i = 0; i < all.Length; i++)
        {
            var url = urls[i];
            var key = $"{scope.Upstream.Name} {url} {settings.Protocol} {settings.ConnectTimeout} {settings.MaxConnections}";
            all[i] = scope.State.Keep("destination", key, () => new Destination(url, settings));
        }
        return all;
    }

    public Task<HttpResponseMessage> SendAsync(UpstreamCall call, CancellationToken cancel) => wire.SendAsync(call, cancel);

    public void Dispose() => wire.Retire();
}
