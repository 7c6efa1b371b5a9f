using Postern.Edge.Authenticating;
using Postern.Tests.Harness;

namespace Postern.Tests.Server.Commands;

/// <summary><c>postern explain</c>: what would become of a request.</summary>
[Collection("tool")]
public sealed class ExplainTests : IDisposable
{
    private const string Config = """
        version: 1
        listen: { url: "http://127.0.0.1:8080", paths: { encodedSlash: allow } }
        identity: { opaque: { introspection: { endpoint: "https://auth.example.com/introspect", clientId: postern, clientSecret: s } } }
        forwardIdentity: { headers: { X-User-Id: sub }, token: { issuer: "https://api.example.com" } }
        upstreams:
          orders: { urls: ["http://10.0.0.5:5003", "http://10.0.0.6:5003"], balance: roundRobin, timeout: 3s }
          orders-v2: { url: "http://10.0.0.7:5003" }
        gates:
          web:
            owner: web-team
            match: { path: /web }
            headers: { request: { set: { X-Gate: web } } }
            identity: off
            routes:
              - get: /orders/{id:int}
                to: http://orders/api/{id}?limit=5
              - get: /orders/{id}
                when: { header: { X-Canary: v2 } }
                to: http://orders-v2/api/{id}
              - post: /orders
                to:
                  - { url: "http://orders/api", weight: 3 }
                  - { url: "http://orders-v2/api", weight: 1 }
                sticky: header:X-User
                maxBody: 16KB
              - get: /search/{word}
                to: http://orders/search?q={word}
              - get: /old/{**rest}
                respond: { status: 308, headers: { Location: "/web/{rest}" } }
              - { get: /me, to: http://orders/me, identity: opaque }
          hosted:
            match: { host: "*.example.com" }
            identity: off
            routes:
              - any: /{**rest}
                to: http://orders
        """;

    private readonly TempFolder folder = new();

    public ExplainTests() => folder.Write("postern.yaml", Config);

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_route_is_shown_with_its_line_its_stages_and_the_exact_URLs()
    {
        var (code, output, error) = await ExplainAsync("GET", "http://localhost/web/orders/7?a=%20b&c");
        Assert.Equal((0, ""), (code, error));
        Assert.Equal("""
            GET /web/orders/7?a=%20b&c
            gate     web, owned by web-team  (postern.yaml:10:5)
            route    GET /web/orders/{id:int}  (postern.yaml:15:9)
                     id = 7
            observe  access log stdout
            guard    maxBody 10MB
            identity off: anyone may call
            proxy    request headers: set X-Gate: web
            upstream orders
                     deadline: timeout 3s, idleTimeout 5m
                     balance: roundRobin of http://10.0.0.5:5003, http://10.0.0.6:5003
                     forward: http1, connectTimeout 5s, maxConnections 1024
            sends    GET http://10.0.0.5:5003/api/7?limit=5&a=%20b&c
            or       GET http://10.0.0.6:5003/api/7?limit=5&a=%20b&c
            """.ReplaceLineEndings("\n"), output);
    }

    [Theory]
    [InlineData("GET", "/web/orders/a%2Fb%20c", "sends    GET http://10.0.0.7:5003/api/a%2Fb%20c", "X-Canary: v2")]
    [InlineData("GET", "/web/search/a&b=c+d", "sends    GET http://10.0.0.5:5003/search?q=a%26b%3Dc%2Bd")]
    [InlineData("GET", "/web/search/x?y=1", "sends    GET http://10.0.0.5:5003/search?q=x&y=1")]
    [InlineData("DELETE", "http://api.example.com:8080/x%7e/y?q", "sends    DELETE http://10.0.0.5:5003/x%7e/y?q")]
    [InlineData("GET", "/x", "gate     hosted", "Host: shop.example.com")]
    [InlineData("get", "/web/old/a/b", "respond  308, Location: /web/a/b")]
    [InlineData("POST", "/web/orders", "upstream orders, 75% of requests")]
    [InlineData("POST", "/web/orders", "upstream orders-v2, 25% of requests")]
    [InlineData("POST", "/web/orders", "guard    maxBody 16KB")]
    [InlineData("GET", "/web/me", "tell     X-User-Id from sub; X-Postern-Identity: a token of https://api.example.com for 1m; the caller's credential may go on")]
    [InlineData("GET", "/.well-known/jwks.json", "endpoint GET /.well-known/jwks.json, the gateway's own, before any gate")]
    [InlineData("GET", "/.well-known/jwks.json", "keys     the public keys of X-Postern-Identity")]
    public async Task An_answer_is_told(string method, string url, string line, string? header = null)
    {
        var (code, output, _) = await ExplainAsync([method, url, .. header is null ? Array.Empty<string>() : ["-H", header]]);
        Assert.Equal(0, code);
        Assert.Contains(output.Split('\n'), l => l.StartsWith(line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_sticky_caller_sees_one_side_always_the_same()
    {
        var (_, first, _) = await ExplainAsync("POST", "/web/orders", "-H", "X-User: 7");
        var (_, second, _) = await ExplainAsync("POST", "/web/orders", "-H", "X-User: 7");
        Assert.Equal(first, second);
        Assert.Single(first.Split('\n'), l => l.StartsWith("upstream ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("PUT", "/web/orders", "405 method-not-allowed: this path answers to POST")]
    [InlineData("GET", "/web/../x", "refused  400 bad-path: ")]
    [InlineData("GET", "web", "refused  not a path")]
    [InlineData("GET", "/nowhere", "404 route-not-found: no gate answers; the gates are")]
    [InlineData("GET", "/nowhere", "  web  /web  postern.yaml:10:5")]
    [InlineData("GET", "/web/oders/7", "  GET /web/orders/{id:int}  postern.yaml:15:9")]
    [InlineData("GET", "/web/orders/x", "  GET /web/orders/{id} when header X-Canary=v2  postern.yaml:17:9  (its 'when' does not hold)")]
    public async Task Why_nothing_answers_is_told(string method, string url, string line)
    {
        var (code, output, _) = await ExplainAsync(method, url);
        Assert.Equal(1, code);
        Assert.Contains(output.Split('\n'), l => l.StartsWith(line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("k3y", "orders.txt); or nobody; here partners:acme", "here '@partners:acme', in memory: pro: global 7/minute")]
    [InlineData("other", "or nobody; what is sent isn't looked up here, so the rest is told for a caller whom nobody knows", "here '127.0.0.1', in memory: free (default): global 5/minute; pro: global 7/minute")]
    [InlineData(null, "or nobody", "here '127.0.0.1', in memory: free (default): global 5/minute; pro: global 7/minute")]
    public async Task A_caller_s_limits_are_told_where_a_key_says_whose_they_are(string? key, string identity, string limits)
    {
        folder.Write("orders.txt", $"keys: [{{ name: acme, hash: {Digest.Of("k3y")}, tier: pro }}]\n");
        folder.Write("postern.yaml", """
            version: 1
            identity: { partners: { apiKey: { header: X-Api-Key, keys: orders.txt } } }
            tiers: { default: free, free: { global: 5/minute }, pro: { global: 7/minute } }
            gates:
              web:
                identity: { use: [partners], optional: true }
                rateLimit: { tiers: true }
                routes: [{ get: /a, respond: 204 }]
            """);
        var (code, output, error) = await ExplainAsync(["GET", "/a", .. key is null ? (string[])[] : ["-H", $"X-Api-Key: {key}"]]);
        Assert.Equal((0, ""), (code, error));
        Assert.EndsWith(identity, Assert.Single(output.Split('\n'), l => l.StartsWith("identity ", StringComparison.Ordinal)));
        Assert.EndsWith(limits, Assert.Single(output.Split('\n'), l => l.StartsWith("rateLimit ", StringComparison.Ordinal)));
    }

    private Task<(int Code, string Output, string Error)> ExplainAsync(params string[] arguments) =>
        RunningTool.RunAsync(folder.Path, ["explain", .. arguments]);
}
