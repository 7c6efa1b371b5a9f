using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.ForwardingIdentity;

/// <summary>Two gateways, one behind the other, and callers who are known by keys: what docs/trust.md promises of them.</summary>
public sealed class TiersTests
{
    [Fact]
    public async Task An_edge_asks_about_an_opaque_token_once_and_what_stands_behind_verifies_locally()
    {
        await using var auth = await AuthServer.StartAsync();
        await using var upstream = Recording(out var heads);
        auth.Opaque("t", new() { ["scope"] = "orders.read", ["roles"] = new JsonArray("staff") });
        // The inner gateway's address is known only when the edge's is, and the other way round.
        await using var relay = new Relay();
        await using var edge = await TestGateway.StartAsync($$"""
            identity:
              opaque:
                introspection: { endpoint: "{{auth.IntrospectionUrl}}", clientId: "{{AuthServer.ClientId}}", clientSecret: "{{AuthServer.ClientSecret}}" }
            forwardIdentity:
              authorization: remove
              token: { header: Authorization, issuer: https://edge.example.com, audience: internal }
            upstreams: { inner: { url: "{{relay.Url}}" } }
            gates:
              web: { identity: opaque, routes: [{ any: "/{**rest}", to: http://inner }] }
            """);
        await using var inner = await TestGateway.StartAsync($$"""
            identity:
              edge:
                jwt: { issuer: https://edge.example.com, audience: internal, jwks: "{{edge.Url}}/.well-known/jwks.json", algorithms: [ES256] }
            forwardIdentity: { headers: { X-User-Id: sub, X-User-Roles: roles, X-Idp: idp, X-Gate: gate } }
            upstreams: { up: { url: "{{upstream.Url}}" } }
            gates:
              orders: { identity: edge, routes: [{ any: "/{**rest}", to: http://up }] }
            """);
        relay.To = inner.Port;
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(200, (await edge.SendRawAsync("GET /orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nX-User-Id: root\r\n\r\n")).Status);
        }
        Assert.Equal(5, heads.Count);
        Assert.All(heads, head => Assert.Equal(
            ["alice", "staff", auth.Issuer, "web"], new[] { "X-User-Id", "X-User-Roles", "X-Idp", "X-Gate" }.Select(name => RawAnswer.Fields(head, name).Single())));
        Assert.Equal(1, auth.Asked("t"));
        // Around the edge, its callers' own credential is worth nothing.
        Assert.Equal(401, (await inner.SendRawAsync("GET /orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n\r\n")).Status);
    }

    [Theory]
    [InlineData("header: X-Api-Key", "GET /a?x=%2f&y HTTP/1.1\r\nHost: a\r\nX-Api-Key: pk_acme\r\n\r\n")]
    [InlineData("query: key", "GET /a?x=%2f&key=pk_acme&y HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("query: key", "GET /a?x=%2f&k%65y=pk%5facme&y HTTP/1.1\r\nHost: a\r\n\r\n")]
    public async Task A_key_may_end_at_the_gateway_wherever_it_was_sent(string place, string request)
    {
        using var folder = new TempFolder();
        await using var upstream = Recording(out var heads);
        var keys = folder.Write("keys.yaml", $"keys:\n  - {{ name: acme, hash: {Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes("pk_acme")))}, last4: acme, tier: partner, scopes: [orders.read] }}\n");
        foreach (var authorization in new[] { "keep", "remove" })
        {
            await using var gateway = await TestGateway.StartAsync($$"""
                identity:
                  partners: { apiKey: { {{place}}, keys: "{{keys}}" } }
                forwardIdentity:
                  headers: { X-User-Id: sub }
                  authorization: {{authorization}}
                upstreams: { up: { url: "{{upstream.Url}}" } }
                gates:
                  partner: { identity: partners, routes: [{ any: "/{**rest}", to: http://up }] }
                """);
            Assert.Equal(200, (await gateway.SendRawAsync(request)).Status);
            Assert.Equal(["acme"], RawAnswer.Fields(heads[^1], "X-User-Id"));
        }
        Assert.Matches("(pk_|pk%5f)acme", heads[0]);
        Assert.StartsWith("GET /a?x=%2f&y HTTP/1.1\r\n", heads[1]);
        Assert.DoesNotContain("acme\r\n", heads[1].Replace("X-User-Id: acme\r\n", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    private static ScriptedUpstream Recording(out List<string> heads)
    {
        var kept = heads = [];
        return ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequestAsync() is { Length: > 0 } request)
            {
                kept.Add(request);
                await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        });
    }

    /// <summary>A port that leads to another, which may be named later.</summary>
    private sealed class Relay : IAsyncDisposable
    {
        private readonly ScriptedUpstream port;

        public Relay() => port = ScriptedUpstream.Serving(async connection =>
        {
            using var client = await RawClient.ConnectAsync(To);
            while (await connection.ReadRequestAsync() is { Length: > 0 } request)
            {
                await client.SendAsync(request);
                var answer = await client.ReadAnswerAsync();
                await connection.WriteAsync(answer.Head + answer.Body);
            }
        });

        public string Url => port.Url;

        public int To { get; set; }

        public ValueTask DisposeAsync() => port.DisposeAsync();
    }
}
