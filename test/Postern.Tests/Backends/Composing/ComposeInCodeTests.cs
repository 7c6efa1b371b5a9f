using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Postern.Backends.Composing;
using Postern.Config;
using Postern.Edge.Authenticating;
using Postern.Edge.Observing;
using Postern.Pipeline;
using Postern.Transforms.Shaping;

namespace Postern.Tests.Backends.Composing;

/// <summary>What YAML says, C# says too: with builders, or with the records themselves.</summary>
public sealed class ComposeInCodeTests
{
    [Fact]
    public async Task Builders_and_records_say_what_YAML_says()
    {
        await using var services = Services.Start().On("/user", """{"id":7,"tags":["a"]}""").On("/orders/7", "[1]").On("/t/a", "\"A\"").On("/saved", "true");
        await using var app = await StartAsync(services, gate =>
        {
            gate.Get("/built/{id}").Timeout(TimeSpan.FromSeconds(5)).Meta().ServerTiming().Compose(c => c
                .Source("user", s => s.Get("http://svc/user").Timeout(TimeSpan.FromSeconds(2)).Required())
                .Source("orders", s => s.Get("http://svc/orders/{user.id}").Fallback(Inline.Json("[]")))
                .Source("tags", s => s.Get("http://svc/t/{each}").Each("user.tags", limit: 3))
                .Source("gone", s => s.Get("http://svc/gone").Missing(Inline.Json("null")).Header("X-A", "{id}"))
                .Source("saved", s => s.Post("http://svc/saved", Inline.Of(("id", "user.id"))).Accept(new StatusRange(200, 201)).Forward("authorization").MaxBytes(100))
                .Source("never", s => s.Get("http://svc/never").When("`false`")));
            gate.Get("/records").Shape("{id: user.id, orders: orders}").Compose(
                ("user", new SourceOptions { Get = "http://svc/user" }), ("orders", new SourceOptions { Get = "http://svc/orders/{user.id}" }));
        });
        using var client = new HttpClient();

        var built = await client.GetAsync(app.Urls.First() + "/built/x");
        var records = await client.GetStringAsync(app.Urls.First() + "/records");

        Assert.StartsWith("""{"user":{"id":7,"tags":["a"]},"orders":[1],"tags":["A"],"gone":null,"saved":true,"_meta":{"partial":false,""", await built.Content.ReadAsStringAsync());
        Assert.True(built.Headers.Contains("Server-Timing"));
        Assert.Equal("""{"id":7,"orders":[1]}""", records);
    }

    [Fact]
    public async Task What_is_wrong_is_named_by_the_line_that_wrote_it()
    {
        await using var services = Services.Start();
        var wrong = await Assert.ThrowsAsync<GatewayConfigException>(() => StartAsync(services, gate => gate.Get("/x").Compose(c => c.Source("a", s => s.Get("http://svc/{b.id}")))));

        Assert.Matches(@"ComposeInCodeTests\.cs:[0-9]+:1: gates\.web\.routes\[0\]\.compose\.a\.get: no source and no parameter named 'b'", wrong.Message);
    }

    private static async Task<WebApplication> StartAsync(Services services, Action<GateBuilder> build)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddPostern(gateway => gateway.Root<TelemetrySection>(o => o with { Telemetry = new TelemetryOptions { AccessLog = new AccessLogOptions { To = "off" } } })
            .Gate("web", gate => build(gate.IdentityOff())).Upstream("svc", services.Url));
        var app = builder.Build();
        app.MapPostern();
        await app.StartAsync();
        return app;
    }
}
