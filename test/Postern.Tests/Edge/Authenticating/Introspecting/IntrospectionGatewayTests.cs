using System.Net;
using System.Text.Json.Nodes;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Introspecting;

/// <summary>Introspection in a whole gateway, as clients and the authorization server see it.</summary>
public sealed class IntrospectionGatewayTests
{
    [Fact]
    public async Task Whoever_asked_first_may_leave_and_the_others_are_answered_by_the_same_call()
    {
        await using var server = await AuthServer.StartAsync();
        await using var gateway = await StartAsync(server);
        server.Opaque("t1");
        server.Introspection.Hold();
        using var follower = await gateway.ConnectAsync();
        using (var leader = await gateway.ConnectAsync())
        {
            await leader.SendAsync(Request("t1"));
            await server.Introspection.UntilAsync(1);
            await follower.SendAsync(Request("t1"));
        }
        // Who comes after the one has left and the other has asked is answered at once: nobody waits for others.
        Assert.Equal(401, (await gateway.SendRawAsync("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")).Status);
        server.Introspection.Release();
        Assert.Equal(204, (await follower.ReadAnswerAsync()).Status);
        Assert.Equal((1, 0), (server.Introspection.Requests, server.Introspection.Aborted));
    }

    [Fact]
    public async Task While_the_server_is_down_there_is_503_and_then_everyone_is_known_again()
    {
        await using var server = AuthServer.Down();
        await using var gateway = await StartAsync(server);
        server.Opaque("t1");
        using var client = gateway.Client();
        using (var answer = await SendAsync(client, "t1"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter?.Delta);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            Assert.Equal("identity-unavailable", (string?)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["code"]);
        }
        await server.UpAsync();
        server.Opaque("t2");
        using (var answer = await SendAsync(client, "t2"))
        {
            Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        }
        Assert.Contains("postern_introspections_total{identity=\"opaque\",outcome=\"failed\"} 1\n", gateway.Metrics());
        Assert.Contains("postern_introspections_total{identity=\"opaque\",outcome=\"active\"} 1\n", gateway.Metrics());
    }

    [Fact]
    public async Task Many_users_over_many_connections_are_each_themselves()
    {
        await using var server = await AuthServer.StartAsync();
        await using var up = ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequestAsync() is { Length: > 0 } request)
            {
                var at = request.IndexOf("X-User: ", StringComparison.OrdinalIgnoreCase);
                var user = at < 0 ? "nobody" : request[(at + 8)..request.IndexOf('\r', at)];
                await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {user.Length}\r\n\r\n{user}");
            }
        });
        await using var gateway = await TestGateway.StartAsync($$"""
            identity:
              opaque: { introspection: { endpoint: "{{server.IntrospectionUrl}}", clientId: {{AuthServer.ClientId}}, clientSecret: "{{AuthServer.ClientSecret}}", cache: 5ms } }
            forwardIdentity: { headers: { X-User: sub } }
            upstreams:
              up: { url: {{up.Url}} }
            gates:
              web:
                identity: opaque
                routes:
                  - { get: "/{**rest}", to: http://up }
            """);
        for (var user = 0; user < 4; user++)
        {
            server.Opaque($"token{user}", new JsonObject { ["sub"] = $"user{user}" });
        }
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async worker =>
        {
            using var client = gateway.Client();
            for (var i = 0; i < 150; i++)
            {
                var user = (worker + i) % 4;
                using var answer = await SendAsync(client, $"token{user}");
                Assert.Equal($"user{user}", await answer.Content.ReadAsStringAsync());
            }
        }));
        Assert.True(server.Introspection.Requests > 8, "The answers were believed for longer than the cache says.");
    }

    private static Task<TestGateway> StartAsync(AuthServer server) => TestGateway.StartAsync($$"""
        identity:
          opaque: { introspection: { endpoint: "{{server.IntrospectionUrl}}", clientId: {{AuthServer.ClientId}}, clientSecret: "{{AuthServer.ClientSecret}}" } }
        gates:
          web:
            identity: opaque
            routes:
              - { get: "/{**rest}", respond: 204 }
        """);

    private static string Request(string token) => $"GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n";

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/x");
        request.Headers.Authorization = new("Bearer", token);
        return await client.SendAsync(request);
    }
}
