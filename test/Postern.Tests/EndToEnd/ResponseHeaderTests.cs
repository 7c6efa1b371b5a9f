using System.Net;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>What of an upstream's head reaches the client, and what header rules change on either way.</summary>
public sealed class ResponseHeaderTests
{
    [Theory]
    [InlineData("Connection: X-Drop\r\nX-Drop: 1\r\nX-Keep: 2", "X-Drop", "X-Keep")]
    [InlineData("X-Drop: 1\r\nConnection: keep-alive, x-drop\r\nX-DROP: 3\r\nX-Keep: 2", "X-Drop", "X-Keep")]
    [InlineData("Keep-Alive: timeout=5, max=3\r\nConnection: keep-alive\r\nX-Keep: 2", "Keep-Alive", "X-Keep")]
    [InlineData("Proxy-Connection: close\r\nX-Keep: 2", "Proxy-Connection", "X-Keep")]
    [InlineData("Upgrade: h2c\r\nX-Keep: 2", "Upgrade", "X-Keep")]
    public async Task Fields_of_the_upstreams_connection_go_no_further(string fields, string gone, string kept)
    {
        var answer = await AnswerAsync(fields);
        Assert.Empty(answer.All(gone));
        Assert.Single(answer.All(kept));
        Assert.Empty(answer.All("Connection"));
    }

    [Fact]
    public async Task What_the_upstream_says_of_itself_is_kept_and_nothing_is_added()
    {
        var answer = await AnswerAsync("Server: Apache/2.4 (Unix)\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nX-Powered-By: PHP");
        Assert.Equal("Apache/2.4 (Unix)", answer["Server"]);
        Assert.Equal("Tue, 15 Nov 1994 08:12:31 GMT", answer["Date"]);
        Assert.Equal("PHP", answer["X-Powered-By"]);
        Assert.Equal("1.1 postern", answer["Via"]);
        answer = await AnswerAsync("X-Keep: 1");
        Assert.Null(answer["Server"]);
        Assert.NotNull(answer["Date"]);
    }

    [Fact]
    public async Task Values_keep_their_bytes_and_their_order()
    {
        var answer = await AnswerAsync("Set-Cookie: a=1\r\nX-Many: one\r\nSet-Cookie: b=\xe9; Path=/\r\nX-Many:\r\nX-Many: two , three\r\nSet-Cookie: c\r\nVia: 1.0 inner (x, y), 1.1 next");
        Assert.Equal(["a=1", "b=\xe9; Path=/", "c"], answer.All("Set-Cookie"));
        Assert.Equal(["one", "", "two , three"], answer.All("X-Many"));
        Assert.Equal(["1.0 inner (x, y), 1.1 next, 1.1 postern"], answer.All("Via"));
    }

    [Theory, InlineData(1), InlineData(2)]
    public async Task Bytes_beyond_ASCII_reach_every_client(int version)
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 200 OK\r\nX-Name: caf\xe9 \xff\r\nContent-Length: 0\r\n\r\n");
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = gateway.Client(version == 2 ? HttpVersion.Version20 : null);
        using var answer = await client.GetAsync("/");
        Assert.Equal("caf\xe9 \xff", answer.Headers.GetValues("X-Name").Single());
    }

    [Theory]
    [InlineData("HTTP/1.1 299 Quite Alright", 299, "HTTP/1.1 299 ")]
    [InlineData("HTTP/1.1 404 Nicht da", 404, "HTTP/1.1 404 ")]
    [InlineData("HTTP/1.0 200 OK", 200, "HTTP/1.1 200 OK")]
    [InlineData("HTTP/1.1 599", 599, "HTTP/1.1 599")]
    public async Task Any_status_reaches_the_client(string line, int status, string begins)
    {
        await using var upstream = ScriptedUpstream.Answering($"{line}\r\nContent-Length: 2\r\n\r\nhi", close: line.Contains("1.0"));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal((status, "hi"), (answer.Status, answer.Body));
        Assert.StartsWith(begins, answer.Head);
    }

    [Fact]
    public async Task Rules_remove_then_set_then_add_on_both_sides()
    {
        await using var upstream = Heads(out var heads, "X-Powered-By: PHP\r\nX-Old: 1\r\nX-Old: 2\r\nCache-Control: private\r\n");
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: """
            headers:
              request:
                remove: [Cookie, x-debug]
                set: { X-Gate: web, User-Agent: postern }
                add: { X-List: c }
              response:
                remove: X-Powered-By
                set: { X-Old: new, Cache-Control: no-store }
                add: { Vary: Origin }
            """);
        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\nX-Debug: 1\r\nX-GATE: spoofed\r\nX-List: a\r\nX-List: b\r\nUser-Agent: curl\r\n\r\n");
        Assert.Empty(RawAnswer.Fields(heads[0], "Cookie"));
        Assert.Empty(RawAnswer.Fields(heads[0], "X-Debug"));
        Assert.Equal(["web"], RawAnswer.Fields(heads[0], "X-Gate"));
        Assert.Equal(["postern"], RawAnswer.Fields(heads[0], "User-Agent"));
        Assert.Equal(["a", "b", "c"], RawAnswer.Fields(heads[0], "X-List"));
        Assert.Null(answer["X-Powered-By"]);
        Assert.Equal("new", answer["X-Old"]);
        Assert.Equal("no-store", answer["Cache-Control"]);
        Assert.Equal("Origin", answer["Vary"]);
    }

    [Theory]
    [InlineData("/inherits", "gate", "gate")]
    [InlineData("/replaces", null, "route")]
    [InlineData("/off", null, null)]
    public async Task A_gates_rules_hold_for_its_routes_unless_they_say_otherwise(string path, string? request, string? response)
    {
        await using var upstream = Heads(out var heads);
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              up: { url: {{upstream.Url}} }
            gates:
              web:
                headers:
                  request: { set: { X-Rule: gate } }
                  response: { set: { X-Rule: gate } }
                identity: off
                routes:
                  - get: /inherits
                    to: http://up
                  - get: /replaces
                    to: http://up
                    headers: { response: { set: { X-Rule: route } } }
                  - get: /off
                    to: http://up
                    headers: off
            """);
        var answer = await gateway.SendRawAsync($"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal(200, answer.Status);
        Assert.Equal(request, RawAnswer.Fields(heads[0], "X-Rule").SingleOrDefault());
        Assert.Equal(response, answer["X-Rule"]);
    }

    private static async Task<RawAnswer> AnswerAsync(string fields)
    {
        await using var upstream = ScriptedUpstream.Answering($"HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: 0\r\n\r\n");
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal(200, answer.Status);
        return answer;
    }

    private static ScriptedUpstream Heads(out List<string> heads, string fields = "")
    {
        var seen = heads = [];
        return ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequestAsync() is { Length: > 0 } head)
            {
                seen.Add(head);
                await connection.WriteAsync($"HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n");
            }
        });
    }
}
