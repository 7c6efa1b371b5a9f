using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Edge.Observing;
using Postern.Server.Commands;
using Postern.Server.Listening;
using Postern.Server.Serving;
using Postern.Tests.Harness;
using Shop;

namespace Postern.Tests.Samples;

/// <summary>The shop behind its own three gates, in this process: what <c>postern demo</c> serves.</summary>
internal sealed class ShopGateway : IAsyncDisposable
{
    private readonly Gateway gateway;
    private readonly TrafficServer traffic;

    private ShopGateway(ShopServices shop, Gateway gateway, TrafficServer traffic) => (Shop, this.gateway, this.traffic) = (shop, gateway, traffic);

    public ShopServices Shop { get; }

    /// <summary>The gateway, called as the shop's first user, who may do all that a customer may.</summary>
    public HttpClient Client { get; private set; } = null!;

    public static async Task<ShopGateway> StartAsync()
    {
        var shop = await ShopServices.StartAsync();
        var (gateway, problems) = OpenedGateway.Open(ShopServices.ConfigFile, builder =>
        {
            DemoCommand.Adapt(builder, shop, 0);
            builder.Root<TelemetrySection>(_ => new TelemetrySection { Telemetry = new TelemetryOptions { AccessLog = new AccessLogOptions { To = "off" } } });
        }, NullLoggerFactory.Instance, TimeProvider.System);
        Assert.True(gateway is not null && problems.Count == 0, string.Join('\n', problems));
        var traffic = new TrafficServer(gateway.Listen, gateway.Handle, NullLoggerFactory.Instance, TimeProvider.System);
        await traffic.StartAsync();
        var made = new ShopGateway(shop, gateway, traffic) { Client = new HttpClient { BaseAddress = new Uri(traffic.Urls[0]), Timeout = TestGateway.Patience } };
        await made.SignInAsync();
        return made;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await traffic.DisposeAsync();
        await gateway.StopAsync();
        await Shop.DisposeAsync();
    }

    private async Task SignInAsync()
    {
        using var asked = new FormUrlEncodedContent([new("sub", "usr_a41c7"), new("plan", "enterprise")]);
        using var answer = await Client.PostAsync(Shop.AuthorizationUrl + "/token", asked);
        var token = (string)(await answer.Content.ReadFromJsonAsync<JsonNode>())!["access_token"]!;
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        // Its keys may still be on their way.
        await Until.TrueAsync(() => gateway.NotReady() is null, "It does not get ready.");
    }
}
