using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Edge.RateLimiting;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Runtime;
using Postern.Server.Administering;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.RateLimiting;

/// <summary>What the admin port tells of one caller, and how it gives a limit back.</summary>
public sealed class ConsumerLimitsTests
{
    private const string Yaml = """
        tiers:
          default: free
          free: { global: 100/minute, groups: { read: 60/minute, bulk: none }, burst: 1.5x/10s }
          pro: { global: 1000/minute, groups: { read: 600/minute } }
        gates:
          web:
            match: { path: /web }
            identity: { use: [key], optional: true }
            rateLimit: { tiers: true }
            routes:
              - { get: /read, group: read, respond: 200 }
              - { get: /plain, respond: 200 }
              - { get: /own, rateLimit: { allow: 5/minute, by: [consumer, route], algorithm: slidingLog }, respond: 200 }
              - { get: /tenant, rateLimit: { allow: 5/minute, by: header:X-Tenant }, respond: 200 }
              - { get: /all, rateLimit: { allow: 5/minute, by: gate }, respond: 200 }
        """;

    private readonly SteppedTime time = LimitedGateway.AtMidnight();

    private LimitedGateway Start() => LimitedGateway.Start(Yaml, time: time, keys: [("anna", "pro"), ("https://a/b c", "")]);

    private static async Task<JsonElement> ReadAsync(LimitedGateway gateway, string caller)
    {
        var body = new ArrayBufferWriter<byte>();
        await using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            await gateway.Limits.WriteAsync(ConsumerLimits.CallerOf(caller)!, json);
            json.WriteEndObject();
        }
        return JsonDocument.Parse(body.WrittenMemory).RootElement;
    }

    private static string[] Lines(JsonElement answer) =>
        [.. answer.GetProperty("limits").EnumerateArray().Select(l => $"{l.GetProperty("plan")} {l.GetProperty("limit")} {l.GetProperty("remaining")}/{l.GetProperty("quota")} {l.GetProperty("resetSeconds")}")];

    [Fact]
    public async Task A_consumer_s_limits_are_those_that_have_counted_it()
    {
        await using var gateway = Start();
        Assert.Empty(Lines(await ReadAsync(gateway, "key:anna")));
        await gateway.PassAsync(3, "/web/read", "anna");
        await gateway.PassAsync(1, "/web/plain", "anna");
        await gateway.PassAsync(2, "/web/own", "anna");
        await gateway.PassAsync(1, "/web/tenant", "anna");
        await gateway.PassAsync(1, "/web/all", "anna");
        var told = await ReadAsync(gateway, "key:anna");
        Assert.Equal(("key:anna", "local"), (told.GetProperty("consumer").GetString(), told.GetProperty("counted").GetString()));
        Assert.Equal(["route web GET /own default 3/5 60", "tier pro global 996/1000 120", "tier pro read 597/600 120"], Lines(told));
        var last = told.GetProperty("limits")[1];
        Assert.Equal(("slidingWindow", "1000/minute", "2026-01-01T00:02:00Z"),
            (last.GetProperty("algorithm").GetString(), last.GetProperty("rate").GetString(), last.GetProperty("resetAt").GetString()));
        // The address isn't the consumer: it was asked for by nobody but the limit by header.
        Assert.Empty(Lines(await ReadAsync(gateway, "192.0.2.1")));
        time.Advance(TimeSpan.FromSeconds(120));
        Assert.Empty(Lines(await ReadAsync(gateway, "key:anna")));
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("2001:db8::77", "2001:db8::1")]
    [InlineData("2001:db8::77", "2001:db8::/64")]
    public async Task An_address_is_that_of_callers_who_are_not_known(string from, string asked)
    {
        await using var gateway = Start();
        await gateway.PassAsync(15, "/web/read", from: from);
        Assert.Equal(["tier free global 85/100 120", "tier free global-burst 10/25 9", "tier free read 45/60 120", "tier free read-burst 0/15 15"], Lines(await ReadAsync(gateway, asked)));
    }

    [Fact]
    public async Task A_reset_gives_all_of_it_back_to_one_caller()
    {
        await using var gateway = Start();
        Assert.Equal(15, await gateway.PassAsync(20, "/web/read"));
        Assert.Equal(15, await gateway.PassAsync(20, "/web/read", from: "192.0.2.2"));
        Assert.True(await gateway.Limits.ResetAsync("192.0.2.1"));
        Assert.Empty(Lines(await ReadAsync(gateway, "192.0.2.1")));
        Assert.Equal(15, await gateway.PassAsync(20, "/web/read"));
        Assert.Equal(0, await gateway.PassAsync(2, "/web/read", from: "192.0.2.2"));
    }

    [Theory]
    [InlineData("customers:alice", "@customers:alice")]
    [InlineData("@customers:alice", "@customers:alice")]
    [InlineData("customers:auth0|1:2/3", "@customers:auth0|1:2/3")]
    [InlineData("10.0.0.7", "10.0.0.7")]
    [InlineData("2001:DB8:0:0::1", "2001:db8::/64")]
    [InlineData("dead:beef", "@dead:beef")]
    [InlineData("unknown", "unknown")]
    [InlineData("alice", null)]
    [InlineData("1", null)]
    [InlineData("10.1", null)]
    [InlineData("@:x", null)]
    [InlineData(":x", null)]
    [InlineData("", null)]
    public void A_caller_is_a_way_and_an_id_or_an_address(string text, string? caller) => Assert.Equal(caller, ConsumerLimits.CallerOf(text));

    [Fact]
    public async Task Shared_limits_are_read_and_reset_in_the_store_and_here_while_it_is_away()
    {
        var store = new FakeStore(time);
        await using var gateway = LimitedGateway.Start("redis: redis://127.0.0.1:1\n" + Yaml, g => g.Config.Provide<ILimitStoreProvider>(store), time: time);
        await FakeStore.UntilAsync(() => gateway.NotReady is null && gateway.Metric("postern_rate_limit_mode{mode=\"shared\"}") == "1");
        await gateway.PassAsync(2, "/web/plain");
        var told = await ReadAsync(gateway, "192.0.2.1");
        Assert.Equal("shared", told.GetProperty("counted").GetString());
        Assert.Equal("tier free global 98/100 120", Lines(told)[0]);
        Assert.True(await gateway.Limits.ResetAsync("192.0.2.1"));
        Assert.Empty(Lines(await ReadAsync(gateway, "192.0.2.1")));
        await gateway.PassAsync(2, "/web/plain");
        store.Admin = () => throw new IOException();
        Assert.False(await gateway.Limits.ResetAsync("192.0.2.1"));
        Assert.Equal("local", (await ReadAsync(gateway, "192.0.2.1")).GetProperty("counted").GetString());
        store.Die(new IOException());
        await gateway.PassAsync(4, "/web/plain");
        told = await ReadAsync(gateway, "192.0.2.1");
        Assert.Equal(("local", "tier free global 96/100 120"), (told.GetProperty("counted").GetString(), Lines(told)[0]));
        Assert.False(await gateway.Limits.ResetAsync("192.0.2.1"));
        Assert.Empty(Lines(await ReadAsync(gateway, "192.0.2.1")));
    }

    [Fact]
    public async Task The_admin_port_asks_for_its_token_and_a_page_of_its_own()
    {
        await using var gateway = Start();
        await gateway.PassAsync(3, "/web/read", "anna");
        await using var admin = new AdminServer(new AdminOptions { Url = "http://127.0.0.1:0", Token = "secret" }, new AdminSource
        {
            NotReady = () => null,
            Metrics = new MetricRegistry(),
            WriteConfig = _ => { },
            Limits = gateway.Limits,
            Upstreams = new LiveUpstreams(new StatePool()),
            Routes = new LiveRoutes(() => [], time, NullLogger.Instance),
            Budgets = () => [],
            ReloadAsync = () => throw new NotSupportedException(),
        }, NullLoggerFactory.Instance, time);
        await admin.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(admin.Url) };
        Assert.Equal(401, (await AskAsync("GET", "/limits/key:anna", token: null)).Status);
        Assert.Equal(401, (await AskAsync("DELETE", "/limits/key:anna", "wrong")).Status);
        Assert.Equal(403, (await AskAsync("DELETE", "/limits/key:anna", origin: "http://evil.example")).Status);
        Assert.Equal((404, 404, 404), ((await AskAsync("GET", "/limits/")).Status, (await AskAsync("GET", "/limits")).Status, (await AskAsync("GET", "/limits/alice")).Status));
        var put = await AskAsync("PUT", "/limits/key:anna");
        Assert.Equal((405, "GET, HEAD, DELETE"), (put.Status, put.Allow));
        Assert.Contains("\"remaining\":597", (await AskAsync("GET", "/limits/key%3Aanna?x=1")).Body, StringComparison.Ordinal);
        Assert.Equal((200, ""), ((await AskAsync("HEAD", "/limits/key:anna")).Status, (await AskAsync("HEAD", "/limits/key:anna")).Body));
        Assert.Equal("""{"reset":"key:anna"}""", (await AskAsync("DELETE", "/limits/key:anna")).Body);
        Assert.Equal("""{"consumer":"key:anna","counted":"local","limits":[]}""", (await AskAsync("GET", "/limits/key:anna")).Body);
        Assert.Contains("""{"consumer":"key:https://a/b c",""", (await AskAsync("GET", "/limits/key:https%3A%2F%2Fa%2Fb%20c")).Body, StringComparison.Ordinal);

        async Task<(int Status, string Body, string Allow)> AskAsync(string method, string target, string? token = "secret", string? origin = null)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), target);
            request.Headers.Authorization = token is null ? null : new("Bearer", token);
            if (origin is not null)
            {
                request.Headers.Add("Origin", origin);
            }
            using var answer = await client.SendAsync(request);
            return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(), string.Join(", ", answer.Content.Headers.Allow));
        }
    }
}
