using System.Text.Json.Nodes;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authorizing;

/// <summary><c>require</c> in a whole gateway: requests of every kind, and what the access log and the metrics say.</summary>
public sealed class RequireOnTheWireTests
{
    private const string Secret = "a secret that is as long as it must be";

    private static readonly SigningKey Key = SigningKey.FromSecret(Secret);

    [Fact]
    public async Task Who_was_refused_and_why_is_in_the_log_and_the_token_is_not()
    {
        await using var gateway = await StartAsync();
        var token = Token("orders.write");
        var refused = await AskAsync(gateway, "GET /orders", token);
        Assert.Equal((403, "Bearer realm=\"web\", error=\"insufficient_scope\", scope=\"orders.read\""), (refused.Status, refused["WWW-Authenticate"]));
        var let = await AskAsync(gateway, "GET /orders", Token("orders.read"));
        Assert.Equal((200, "in"), (let.Status, let.Body));
        var nobody = await AskAsync(gateway, "GET /orders", null);
        Assert.Equal(401, nobody.Status);
        var log = await gateway.LogAsync(3);
        Assert.Equal(("forbidden", "missing scope orders.read, claim org_id = acme", "customers", "alice"),
            (log[0].GetProperty("failure").GetString(), log[0].GetProperty("reason").GetString(), log[0].GetProperty("identity").GetString(), log[0].GetProperty("consumer").GetString()));
        Assert.Equal(("customers", "alice"), (log[1].GetProperty("identity").GetString(), log[1].GetProperty("consumer").GetString()));
        Assert.False(log[2].TryGetProperty("consumer", out _) || log[2].TryGetProperty("identity", out _));
        Assert.DoesNotContain(log, l => l.GetRawText().Contains(token[^20..], StringComparison.Ordinal));
        Assert.Contains("postern_authorizations_refused_total{gate=\"web\"} 1\n", gateway.Metrics(), StringComparison.Ordinal);
        Assert.DoesNotContain("alice", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HEAD /orders")]
    [InlineData("POST /orders")]
    [InlineData("GET /orders?access=all")]
    [InlineData("GET /orders", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n")]
    [InlineData("POST /orders", "Content-Type: application/grpc\r\nTE: trailers\r\n")]
    [InlineData("GET /orders", "Accept: text/event-stream\r\n")]
    [InlineData("GET /orders", "X-HTTP-Method-Override: OPTIONS\r\nX-Original-URL: /open\r\n")]
    public async Task No_kind_of_request_goes_round_it(string line, string fields = "")
    {
        await using var gateway = await StartAsync();
        Assert.Equal(403, (await AskAsync(gateway, line, Token("orders.write"), fields)).Status);
        Assert.Equal(401, (await AskAsync(gateway, line, null, fields)).Status);
    }

    [Fact]
    public async Task A_caller_is_asked_of_on_a_route_that_lets_anyone_in_and_anyone_is_told_to_become_one()
    {
        await using var gateway = await StartAsync();
        var nobody = await AskAsync(gateway, "GET /either", null);
        Assert.Equal((401, "Bearer realm=\"web\""), (nobody.Status, nobody["WWW-Authenticate"]));
        Assert.Equal(403, (await AskAsync(gateway, "GET /either", Token("orders.write"))).Status);
        Assert.Equal(200, (await AskAsync(gateway, "GET /either", Token("a b"))).Status);
        Assert.Equal(200, (await AskAsync(gateway, "GET /open", null)).Status);
    }

    private static Task<TestGateway> StartAsync() => TestGateway.StartAsync($$"""
        identity:
          customers: { jwt: { issuer: "https://auth.example.com", audience: api, secret: "{{Secret}}" } }
        gates:
          web:
            identity: customers
            require: { scopes: orders.read, claims: { org_id: acme } }
            routes:
              - any: /orders
                respond: { status: 200, body: in }
              - get: /either
                identity: { use: customers, optional: true }
                require: { any: { scopes: [b, c] } }
                respond: 200
              - get: /open
                identity: off
                require: off
                respond: 200
        """);

    private static async Task<RawAnswer> AskAsync(TestGateway gateway, string line, string? token, string fields = "")
    {
        var length = line.StartsWith("POST", StringComparison.Ordinal) ? "Content-Length: 0\r\n" : "";
        return await gateway.SendRawAsync($"{line} HTTP/1.1\r\nHost: a\r\n{(token is null ? "" : $"Authorization: Bearer {token}\r\n")}{length}{fields}\r\n");
    }

    private static string Token(string scope)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject { ["iss"] = "https://auth.example.com", ["aud"] = "api", ["sub"] = "alice", ["exp"] = now + 300, ["scope"] = scope };
        if (scope != "orders.write")
        {
            claims["org_id"] = new JsonArray("other", "acme");
        }
        return Key.Sign(new JsonObject { ["alg"] = "HS256", ["typ"] = "JWT" }, claims);
    }
}
