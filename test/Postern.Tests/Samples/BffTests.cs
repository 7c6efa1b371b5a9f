using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bff;
using Microsoft.AspNetCore.Builder;
using Postern.Edge.Observing;
using Postern.Server.Commands;
using Shop;

namespace Postern.Tests.Samples;

/// <summary>The sample application's two dashboards: one in YAML, one in C#.</summary>
public sealed partial class BffTests : IAsyncLifetime
{
    private HttpClient client = null!;
    private ShopServices shop = null!;
    private WebApplication app = null!;

    public async ValueTask InitializeAsync()
    {
        shop = await ShopServices.StartAsync();
        app = BffApp.Build(["--urls", "http://127.0.0.1:0", "--Logging:LogLevel:Default=None"], gateway =>
        {
            DemoCommand.Adapt(gateway, shop, 0);
            gateway.Root<TelemetrySection>(t => t with { Telemetry = new() { AccessLog = new() { To = "off" } } });
        });
        await app.StartAsync();
        client = new HttpClient { BaseAddress = new Uri(app.Urls.First()), Timeout = TimeSpan.FromSeconds(30) };
        using var answer = await client.PostAsync($"{shop.AuthorizationUrl}/token", new FormUrlEncodedContent([new("grant_type", "client_credentials"), new("sub", "usr_a41c7")]));
        var token = (string)(await answer.Content.ReadFromJsonAsync<JsonNode>())!["access_token"]!;
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        // Until the keys that verify tokens are there, nobody can be known.
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while ((await GetAsync("/web/dashboard")).Status == 503)
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await app.DisposeAsync();
        await shop.DisposeAsync();
    }

    [Fact]
    public async Task Both_answer_the_same_bytes()
    {
        var (written, coded) = (await GetAsync("/web/dashboard"), await GetAsync("/web/dashboard-in-code"));
        Assert.Equal(200, written.Status);
        Assert.Equal(written, coded);
        Assert.Contains("\"partial\":false", written.Body, StringComparison.Ordinal);
        var page = JsonNode.Parse(written.Body)!;
        Assert.Equal(("usr_a41c7", 5, 50), ((string?)page["user"]!["id"], page["recentOrders"]!.AsArray().Count, page["notifications"]!.AsArray().Count));
        // As the services wrote them: a double would have lost the nought.
        Assert.Matches(@"""total"":\d+\.\d0,", written.Body);
    }

    [Fact]
    public async Task Without_the_notifications_both_say_the_same_of_what_is_missing()
    {
        await shop.StopAsync("notifications-1");
        var (written, coded) = (await GetAsync("/web/dashboard"), await GetAsync("/web/dashboard-in-code"));
        Assert.Equal((200, "no-store"), (written.Status, written.CacheControl));
        Assert.Equal(written, coded);
        Assert.EndsWith("\"notifications\":[],\"_meta\":{\"partial\":true,\"failedSources\":[\"notifications\"],\"responseTimeMs\":0}}", written.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_profile_neither_answers()
    {
        await shop.StopAsync("users-1");
        var (written, coded) = (await GetAsync("/web/dashboard"), await GetAsync("/web/dashboard-in-code"));
        Assert.Equal((503, "application/problem+json"), (written.Status, written.Type));
        Assert.Equal(written, coded);
        Assert.Contains("\"source\":\"user\"", written.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_caller_whom_nobody_knows_is_refused_before_either()
    {
        client.DefaultRequestHeaders.Authorization = null;
        Assert.Equal((401, 401), ((await GetAsync("/web/dashboard")).Status, (await GetAsync("/web/dashboard-in-code")).Status));
    }

    /// <summary>An answer without what differs from one to the next.</summary>
    private async Task<(int Status, string? Type, string? CacheControl, string Body)> GetAsync(string path)
    {
        using var answer = await client.GetAsync(path);
        var body = Varying().Replace(await answer.Content.ReadAsStringAsync(), m => m.Value.Contains("responseTimeMs", StringComparison.Ordinal) ? "\"responseTimeMs\":0" : "\"traceId\":\"\"");
        return ((int)answer.StatusCode, answer.Content.Headers.ContentType?.ToString(), answer.Headers.CacheControl?.ToString(), body);
    }

    [GeneratedRegex("\"responseTimeMs\":[0-9]+|\"traceId\":\"[0-9a-f]+\"")]
    private static partial Regex Varying();
}
