using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.ForwardingIdentity;

/// <summary>What upstreams are told, over the wire, and the keys that verify it.</summary>
public sealed class ToldUpstreamsTests : IAsyncDisposable
{
    private const string KeySet = "/.well-known/jwks.json";

    private readonly ConcurrentQueue<string> heads = new();
    private readonly ScriptedUpstream upstream;
    private AuthServer auth = null!;

    public ToldUpstreamsTests() => upstream = ScriptedUpstream.Serving(async connection =>
    {
        while (await connection.ReadRequestAsync() is { Length: > 0 } request)
        {
            heads.Enqueue(request);
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });

    public async ValueTask DisposeAsync()
    {
        await upstream.DisposeAsync();
        if (auth is not null)
        {
            await auth.DisposeAsync();
        }
    }

    [Fact]
    public async Task Claims_become_fields_and_a_missing_one_none()
    {
        await using var gateway = await StartAsync("headers: { X-User-Id: sub, X-Roles: realm.roles, X-Org: org, X-Name: name, X-Missing: nothing, X-Object: realm, X-Age: age }");
        auth.Opaque("t", new() { ["realm"] = new JsonObject { ["roles"] = new JsonArray("a", "b,c") }, ["org"] = "", ["name"] = "Zo\u00eb M.", ["age"] = 41 });
        var head = await AskAsync(gateway, "t");
        Assert.Equal(["alice", "a,b%2Cc", "Zo%C3%AB M.", "41"], new[] { "X-User-Id", "X-Roles", "X-Name", "X-Age" }.Select(name => RawAnswer.Fields(head, name).Single()));
        Assert.All(["X-Org", "X-Missing", "X-Object"], name => Assert.DoesNotContain(name, head, StringComparison.OrdinalIgnoreCase));
        Assert.Equal(["Bearer t"], RawAnswer.Fields(head, "Authorization"));
    }

    [Fact]
    public async Task A_service_verifies_the_token_against_the_published_keys()
    {
        await using var gateway = await StartAsync("token: { issuer: https://api.example.com, audience: internal }");
        auth.Opaque("t", new() { ["scope"] = "orders.read orders.write", ["roles"] = new JsonArray("staff"), ["plan"] = "pro" });
        var head = await AskAsync(gateway, "t");
        var token = await VerifyAsync(gateway, Assert.Single(RawAnswer.Fields(head, "X-Postern-Identity")));
        Assert.Equal(("alice", "orders.read orders.write", "pro", auth.Issuer, "opaque", "web"),
            (token.Subject, Claim(token, "scope"), Claim(token, "tier"), Claim(token, "idp"), Claim(token, "way"), Claim(token, "gate")));
        Assert.Equal(RawAnswer.Fields(head, "X-Postern-Identity"), RawAnswer.Fields(await AskAsync(gateway, "t"), "X-Postern-Identity"));
        Assert.Contains("postern_identity_tokens_minted_total 1\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_in_Authorization_takes_the_place_of_the_callers()
    {
        await using var gateway = await StartAsync("token: { header: Authorization, issuer: https://api.example.com, audience: internal }\n  authorization: remove");
        auth.Opaque("t");
        var bearer = Assert.Single(RawAnswer.Fields(await AskAsync(gateway, "t"), "Authorization"));
        Assert.StartsWith("Bearer ey", bearer);
        Assert.Equal("alice", (await VerifyAsync(gateway, bearer[7..])).Subject);
    }

    [Fact]
    public async Task The_callers_credential_may_end_here()
    {
        await using var gateway = await StartAsync("authorization: remove");
        auth.Opaque("t");
        Assert.Empty(RawAnswer.Fields(await AskAsync(gateway, "t"), "Authorization"));
        // Who is not asked who he is keeps what may be meant for the service.
        await gateway.SendRawAsync("GET /anyone HTTP/1.1\r\nHost: a\r\nAuthorization: Basic x\r\n\r\n");
        Assert.Equal(["Basic x"], RawAnswer.Fields(heads.Last(), "Authorization"));
    }

    [Fact]
    public async Task Two_callers_at_once_never_get_each_others_fields_or_tokens()
    {
        await using var gateway = await StartAsync("headers: { X-User-Id: sub }\n  token: { issuer: i, audience: internal }\n  authorization: keep");
        for (var i = 0; i < 4; i++)
        {
            auth.Opaque($"t{i}", new() { ["sub"] = $"user{i}" });
        }
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async worker =>
        {
            using var client = gateway.Client(worker % 2 == 0 ? HttpVersion.Version11 : HttpVersion.Version20);
            for (var i = 0; i < 50; i++)
            {
                using var request = client.Message("GET", "/known");
                request.Headers.Authorization = new("Bearer", $"t{(worker + i) % 4}");
                using var answer = await client.SendAsync(request);
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            }
        }));
        Assert.Equal(400, heads.Count);
        Assert.All(heads, head =>
        {
            var user = "user" + RawAnswer.Fields(head, "Authorization").Single()[^1];
            Assert.Equal([user], RawAnswer.Fields(head, "X-User-Id"));
            Assert.Equal(user, new JsonWebToken(RawAnswer.Fields(head, "X-Postern-Identity").Single()).Subject);
        });
        Assert.Contains("postern_identity_tokens_minted_total 4\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_keys_are_served_before_any_gate_and_seen_like_any_request()
    {
        await using var gateway = await StartAsync("token: { issuer: i }");
        var answer = await gateway.SendRawAsync($"GET {KeySet}?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal((200, "application/jwk-set+json", "public, max-age=300"), (answer.Status, answer["Content-Type"], answer["Cache-Control"]));
        var key = Assert.Single(JsonDocument.Parse(answer.Body).RootElement.GetProperty("keys").EnumerateArray());
        Assert.False(key.TryGetProperty("d", out _));
        var head = await gateway.SendRawAsync($"HEAD {KeySet} HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal((200, $"{answer.Body.Length}", ""), (head.Status, head["Content-Length"], head.Body));
        var post = await gateway.SendRawAsync($"POST {KeySet} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        Assert.Equal((405, "GET, HEAD"), (post.Status, post["Allow"]));
        Assert.Contains("\"method-not-allowed\"", post.Body, StringComparison.Ordinal);
        Assert.Equal(400, (await gateway.SendRawAsync($"GET {KeySet} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")).Status);
        using var http2 = gateway.Client(HttpVersion.Version20);
        Assert.Equal(answer.Body, await http2.GetStringAsync(KeySet));
        Assert.Empty(heads);
        var line = (await gateway.LogAsync(5))[0];
        Assert.Equal(($"GET {KeySet}", 200), (line.GetProperty("route").GetString(), line.GetProperty("status").GetInt32()));
        Assert.Contains($"http_route=\"{KeySet}\"", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_tokens_the_path_is_a_gates()
    {
        await using var gateway = await StartAsync("headers: { X-User-Id: sub }");
        Assert.Equal(200, (await gateway.SendRawAsync($"GET {KeySet} HTTP/1.1\r\nHost: a\r\n\r\n")).Status);
        Assert.StartsWith($"GET {KeySet} ", heads.Last());
    }

    [Fact]
    public async Task Instances_with_the_same_file_verify_each_others_tokens()
    {
        using var folder = new TempFolder();
        using var made = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var file = folder.Write("identity.key", made.ExportECPrivateKeyPem());
        await using var one = await StartAsync($"token: {{ issuer: https://api.example.com, audience: internal, key: {file} }}");
        await using var other = await StartAsync($"token: {{ issuer: https://api.example.com, audience: internal, key: [{file}] }}", auth);
        auth.Opaque("t");
        await VerifyAsync(other, RawAnswer.Fields(await AskAsync(one, "t"), "X-Postern-Identity").Single());
    }

    private Task<TestGateway> StartAsync(string forward) => StartAsync(forward, null);

    private async Task<TestGateway> StartAsync(string forward, AuthServer? same)
    {
        auth = same ?? await AuthServer.StartAsync();
        return await TestGateway.StartAsync($$"""
            identity:
              opaque:
                introspection: { endpoint: "{{auth.IntrospectionUrl}}", clientId: "{{AuthServer.ClientId}}", clientSecret: "{{AuthServer.ClientSecret}}" }
            forwardIdentity:
              {{forward}}
            upstreams: { up: { url: "{{upstream.Url}}" } }
            gates:
              web:
                identity: opaque
                routes:
                  - { any: /known, to: http://up/known }
                  - { any: "/{**rest}", to: http://up, identity: off }
            """);
    }

    /// <summary>What the upstream got of a request with this token.</summary>
    private async Task<string> AskAsync(TestGateway gateway, string token)
    {
        Assert.Equal(200, (await gateway.SendRawAsync($"GET /known HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n")).Status);
        return heads.Last();
    }

    /// <summary>Verifies as a service would: by the keys that the gateway serves, its issuer and audience.</summary>
    private static async Task<JsonWebToken> VerifyAsync(TestGateway gateway, string token)
    {
        using var client = gateway.Client();
        var result = await new JsonWebTokenHandler().ValidateTokenAsync(token, new TokenValidationParameters
        {
            IssuerSigningKeys = JsonWebKeySet.Create(await client.GetStringAsync(KeySet)).GetSigningKeys(),
            TryAllIssuerSigningKeys = false,
            ValidAlgorithms = ["ES256"],
            ValidIssuer = "https://api.example.com",
            ValidAudience = "internal",
            ClockSkew = TimeSpan.Zero,
        });
        Assert.True(result.IsValid, result.Exception?.ToString());
        return (JsonWebToken)result.SecurityToken;
    }

    private static string Claim(JsonWebToken token, string name) => token.GetPayloadValue<string>(name);
}
