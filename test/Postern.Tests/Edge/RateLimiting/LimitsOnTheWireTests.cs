using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.RateLimiting;

/// <summary>Limits in a whole gateway: requests and answers of every kind, and what the access log says.</summary>
public sealed class LimitsOnTheWireTests
{
    private static readonly string[] Fields = ["RateLimit-Policy", "RateLimit", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", "ok", 200)]
    [InlineData("HTTP/1.1 204 No Content\r\n", "", 204)]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n", "no", 404)]
    [InlineData("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n", "no", 429)]
    [InlineData("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n", "no", 503)]
    [InlineData("rubbish\r\n", "", 502)]
    public async Task The_gateway_s_fields_replace_the_upstream_s_on_each_of_its_answers(string head, string body, int status)
    {
        await using var upstream = ScriptedUpstream.Answering(
            $"{head}RateLimit: \"theirs\";r=1;t=1\r\nratelimit-policy: \"theirs\";q=1\r\nRateLimit-Limit: 1\r\nRATELIMIT-REMAINING: 1\r\nRateLimit-Remaining: 2\r\nRateLimit-Reset: 77\r\nX-RateLimit-Limit: 3\r\nRetry-After: 99\r\n\r\n{body}");
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: "rateLimit: 2/minute");
        var answer = await gateway.SendRawAsync("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal((status, "\"default\";q=2;w=60", "2", "1"), (answer.Status, answer["RateLimit-Policy"], answer["RateLimit-Limit"], answer["RateLimit-Remaining"]));
        Assert.StartsWith("\"default\";r=1;t=", answer["RateLimit"]);
        Assert.All(Fields, f => Assert.Equal(1, Count(answer, f)));
        if (status != 502)
        {
            Assert.Equal(("3", "99"), (answer["X-RateLimit-Limit"], answer["Retry-After"]));
        }
    }

    [Fact]
    public async Task An_upstream_that_is_not_there_has_used_up_a_request_too()
    {
        await using var gateway = await TestGateway.BeforeAsync("http://127.0.0.1:1", route: "rateLimit: 1/hour");
        var failed = await gateway.SendRawAsync("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal((502, "0"), (failed.Status, failed["RateLimit-Remaining"]));
        var refused = await gateway.SendRawAsync("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal((429, "application/problem+json", "no-store"), (refused.Status, refused["Content-Type"], refused["Cache-Control"]));
        Assert.Contains("\"code\":\"rate-limited\"", refused.Body, StringComparison.Ordinal);
        Assert.InRange(int.Parse(refused["Retry-After"]!), 1, 7200);
        Assert.All(Fields, f => Assert.Equal(1, Count(refused, f)));
        // Each line is written when its answer is out, and the next request may overtake it.
        var log = (await gateway.LogAsync(2)).OrderByDescending(l => l.GetProperty("status").GetInt32()).ToArray();
        Assert.False(log[0].TryGetProperty("limit", out _));
        Assert.Equal(("rate-limited", "default"), (log[1].GetProperty("failure").GetString(), log[1].GetProperty("limit").GetString()));
        Assert.All(log, l => Assert.False(l.TryGetProperty("tier", out _) || l.TryGetProperty("limits", out _)));
    }

    [Theory]
    [InlineData("HEAD /a")]
    [InlineData("POST /a")]
    [InlineData("OPTIONS /a")]
    [InlineData("GET /a?x=1")]
    [InlineData("GET /a", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n")]
    [InlineData("POST /a", "Content-Type: application/grpc\r\nTE: trailers\r\n")]
    [InlineData("GET /a", "X-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n")]
    [InlineData("GET /a", "Authorization: Bearer other\r\nX-Api-Key: other\r\n")]
    public async Task No_kind_of_request_goes_round_it(string line, string fields = "")
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: "rateLimit: 1/hour");
        Assert.Equal(200, (await gateway.SendRawAsync("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")).Status);
        var refused = await gateway.SendRawAsync($"{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        Assert.Equal(429, refused.Status);
        Assert.NotNull(refused["Retry-After"]);
        Assert.Equal("0", refused["RateLimit-Remaining"]);
        if (line.StartsWith("HEAD", StringComparison.Ordinal))
        {
            Assert.Equal("", refused.Body);
        }
    }

    [Fact]
    public async Task A_websocket_counts_when_it_opens_and_is_told()
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options, "rateLimit: 1/hour");
        const string Upgrade = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(Upgrade);
        var opened = await client.ReadUntilAsync("\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 101 ", opened, StringComparison.Ordinal);
        Assert.Contains("\r\nRateLimit: \"default\";r=0;t=", opened, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(429, (await gateway.SendRawAsync(Upgrade)).Status);
    }

    [Fact]
    public async Task Answers_the_gateway_makes_are_limited_like_any_other_and_tiers_are_logged()
    {
        await using var gateway = await TestGateway.StartAsync("""
            tiers: { default: free, free: { global: 2/hour, groups: { bulk: none } } }
            gates:
              web:
                identity: off
                rateLimit: { tiers: true }
                routes:
                  - { get: /a, respond: { status: 418, body: tea } }
                  - { get: /b, group: bulk, respond: 200 }
            """);
        Assert.Equal((418, "1"), await AskAsync("/a"));
        Assert.Equal((403, null), await AskAsync("/b"));
        Assert.Equal((418, "0"), await AskAsync("/a"));
        Assert.Equal((429, "0"), await AskAsync("/a"));
        var log = await gateway.LogAsync(4);
        Assert.All(log, l => Assert.Equal("free", l.GetProperty("tier").GetString()));
        Assert.Equal(["", "", "", "global"], log.Select(l => l.TryGetProperty("limit", out var limit) ? limit.GetString() : ""));

        async Task<(int, string?)> AskAsync(string path)
        {
            var answer = await gateway.SendRawAsync($"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
            return (answer.Status, answer["RateLimit-Remaining"]);
        }
    }

    [Theory]
    [InlineData("claim: level\n  ", "", "pro")]
    [InlineData("claim: level\n  ", "claims: { tier: plan }", "free")]
    [InlineData("", "", "free")]
    [InlineData("", "claims: { tier: org.level }", "gold")]
    [InlineData("claim: none\n  ", "", "silver")]
    public async Task The_claim_that_names_a_tier_is_the_way_s_own_else_that_of_the_tiers_else_plan(string claim, string way, string tier)
    {
        const string Secret = "a secret that is as long as it must be";
        await using var gateway = await TestGateway.StartAsync($$"""
            tiers:
              {{claim}}default: silver
              silver: { global: 4/hour }
              free: { global: 5/hour }
              pro: { global: 6/hour }
              gold: { global: 7/hour }
            identity:
              customers:
                jwt: { issuer: "https://a", audience: api, secret: "{{Secret}}" }
                {{way}}
            gates:
              web:
                identity: customers
                rateLimit: { tiers: true }
                routes:
                  - { get: /a, respond: 200 }
            """);
        var claims = new JsonObject
        {
            ["iss"] = "https://a", ["aud"] = "api", ["sub"] = "alice", ["exp"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 300,
            ["plan"] = "free", ["level"] = "pro", ["org"] = new JsonObject { ["level"] = "gold" },
        };
        var token = SigningKey.FromSecret(Secret).Sign(new JsonObject { ["alg"] = "HS256", ["typ"] = "JWT" }, claims);
        Assert.Equal(200, (await gateway.SendRawAsync($"GET /a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n")).Status);
        Assert.Equal(tier, Assert.Single(await gateway.LogAsync(1)).GetProperty("tier").GetString());
    }

    private static int Count(RawAnswer answer, string field) =>
        answer.All(field).Count;
}
