using System.Net;
using System.Text.RegularExpressions;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>What of a client's head reaches the upstream. Heads are compared as they came over the wire.</summary>
public sealed partial class RequestHeaderTests
{
    private static readonly string[] Ours = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via", "traceparent", "X-Request-Id", "Host"];

    [Theory]
    [InlineData("Connection: close, X-Drop\r\nX-Drop: 1\r\nX-Keep: 2", "X-Drop", "X-Keep")]
    [InlineData("Connection: x-drop\r\nConnection: ,other , \r\nX-DROP: 1\r\nX-Drop: 2\r\nOther: 3\r\nX-Keep: 2", "X-Drop", "X-Keep")]
    [InlineData("Connection: keep-alive, X-Drop\r\nX-Drop: 1\r\nX-Keep: 2", "X-Drop", "X-Keep")]
    [InlineData("Connection: Keep-Alive\r\nConnection: X-Drop\r\nX-Drop: 1\r\nX-Keep: 2", "X-Drop", "X-Keep")]
    [InlineData("Connection: X-Drop\r\nConnection: close\r\nX-Drop: 1\r\nX-Keep: 2", "X-Drop", "X-Keep")]
    [InlineData("Connection: upgrade,\tX-Drop\r\nX-Drop: 1\r\nX-Keep: 2", "X-Drop", "X-Keep")]
    [InlineData("Keep-Alive: timeout=5\r\nX-Keep: 2", "Keep-Alive", "X-Keep")]
    [InlineData("Proxy-Connection: keep-alive\r\nX-Keep: 2", "Proxy-Connection", "X-Keep")]
    [InlineData("Proxy-Authorization: Basic abc\r\nAuthorization: Basic def", "Proxy-Authorization", "Authorization")]
    [InlineData("TE: gzip\r\nX-Keep: 2", "TE", "X-Keep")]
    [InlineData("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\nX-Keep: 2", "HTTP2-Settings", "X-Keep")]
    [InlineData("Forwarded: for=1.2.3.4;host=evil\r\nX-Keep: 2", "Forwarded", "X-Keep")]
    [InlineData("X-Forwarded-Prefix: /admin\r\nx-forwarded-PORT: 1\r\nX-Keep: 2", "X-Forwarded-Prefix", "X-Keep")]
    [InlineData("X_Forwarded_For: 1.2.3.4\r\nX_User: root\r\nX-Keep: 2", "X_User", "X-Keep")]
    public async Task Fields_of_the_connection_go_no_further(string fields, string gone, string kept)
    {
        var head = await SentAsync(fields);
        Assert.Empty(RawAnswer.Fields(head, gone));
        Assert.Single(RawAnswer.Fields(head, kept));
        Assert.Empty(RawAnswer.Fields(head, "Connection"));
    }

    [Fact]
    public async Task Connection_can_not_name_what_the_gateway_says()
    {
        var head = await SentAsync("Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Request-Id, Via, Host, Content-Length, traceparent, Transfer-Encoding\r\nVia: 1.1 other");
        foreach (var name in Ours)
        {
            Assert.Single(RawAnswer.Fields(head, name));
        }
        Assert.Equal("1.1 other, 1.1 postern", RawAnswer.Fields(head, "Via").Single());
    }

    [Fact]
    public async Task Connection_can_not_take_the_length_off_a_body()
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            var request = await connection.ReadRequestAsync();
            await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {request.Length}\r\n\r\n{request}");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        var answer = await gateway.SendRawAsync("POST / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length, Host\r\nContent-Length: 5\r\n\r\nhello");
        Assert.EndsWith("\r\n\r\nhello", answer.Body);
        Assert.Equal(["5"], RawAnswer.Fields(answer.Body, "Content-Length"));
    }

    [Theory]
    [InlineData("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\nx-forwarded-proto: https\r\nX-FORWARDED-HOST: evil")]
    [InlineData("X-Forwarded-For: 127.0.0.1, 10.0.0.1\r\nForwarded: for=1.1.1.1;proto=https")]
    public async Task Nobody_is_believed_about_who_they_are(string fields)
    {
        var head = await SentAsync(fields);
        Assert.Equal(["127.0.0.1"], RawAnswer.Fields(head, "X-Forwarded-For"));
        Assert.Equal(["http"], RawAnswer.Fields(head, "X-Forwarded-Proto"));
        Assert.Equal(["front.example:81"], RawAnswer.Fields(head, "X-Forwarded-Host"));
        Assert.Empty(RawAnswer.Fields(head, "Forwarded"));
    }

    [Fact]
    public async Task A_trusted_proxy_is_believed_and_added_to()
    {
        var head = await SentAsync("X-Forwarded-For: 203.0.113.9, 10.1.2.3\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\nX-Forwarded-Prefix: /shop", root: "trustedProxies: [127.0.0.0/8, 10.0.0.0/8]");
        Assert.Equal(["203.0.113.9, 10.1.2.3, 127.0.0.1"], RawAnswer.Fields(head, "X-Forwarded-For"));
        Assert.Equal(["https"], RawAnswer.Fields(head, "X-Forwarded-Proto"));
        Assert.Equal(["shop.example"], RawAnswer.Fields(head, "X-Forwarded-Host"));
        Assert.Equal(["/shop"], RawAnswer.Fields(head, "X-Forwarded-Prefix"));
    }

    [Fact]
    public async Task Host_is_the_upstreams_or_the_clients_where_it_is_preserved()
    {
        await using var upstream = Heads(out var heads);
        await using var own = await TestGateway.BeforeAsync(upstream.Url);
        await own.SendRawAsync("GET / HTTP/1.1\r\nHost: front.example:81\r\n\r\n");
        Assert.Equal([$"127.0.0.1:{upstream.Port}"], RawAnswer.Fields(heads[^1], "Host"));
        await using var kept = await TestGateway.BeforeAsync(upstream.Url, route: "preserveHost: true");
        await kept.SendRawAsync("GET / HTTP/1.1\r\nHost: front.example:81\r\n\r\n");
        Assert.Equal(["front.example:81"], RawAnswer.Fields(heads[^1], "Host"));
        using var http2 = kept.Client(HttpVersion.Version20);
        using var message = http2.Message("GET", "/");
        message.Headers.Host = "two.example";
        using var answer = await http2.SendAsync(message);
        Assert.Equal(["two.example"], RawAnswer.Fields(heads[^1], "Host"));
        Assert.Equal(["two.example"], RawAnswer.Fields(heads[^1], "X-Forwarded-Host"));
        Assert.Equal(["2 postern"], RawAnswer.Fields(heads[^1], "Via"));
    }

    [Fact]
    public async Task An_HTTP_1_0_request_is_answered_and_says_so_in_Via()
    {
        await using var upstream = Heads(out var heads);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("GET /old HTTP/1.0\r\n\r\n");
        var all = await client.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 200", all);
        Assert.Equal(["1.0 postern"], RawAnswer.Fields(heads[^1], "Via"));
        Assert.StartsWith("GET /old HTTP/1.1\r\n", heads[^1]);
        Assert.Empty(RawAnswer.Fields(heads[^1], "X-Forwarded-Host"));
    }

    [Fact]
    public async Task A_loop_ends_after_eight_passes()
    {
        await using var gateway = await TestGateway.StartAsync("""
            upstreams:
              self: { url: "%self%" }
            gates:
              web:
                identity: off
                routes:
                  - any: "/{**rest}"
                    to: http://self
            """);
        var answer = await gateway.SendRawAsync("GET /round HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal(508, answer.Status);
        Assert.Contains("\"code\":\"loop-detected\"", answer.Body);
        var log = await gateway.LogAsync(9);
        Assert.Equal(9, log.Count);
        Assert.Single(log, l => l.TryGetProperty("failure", out var code) && code.GetString() == "loop-detected");
    }

    [Fact]
    public async Task Names_with_underscores_are_dropped_and_counted()
    {
        await using var upstream = Heads(out var heads);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\nX_User: root\r\nx_user: other\r\n_: 1\r\nX-User: me\r\n\r\n");
        Assert.DoesNotContain("root", heads[^1]);
        Assert.Equal(["me"], RawAnswer.Fields(heads[^1], "X-User"));
        Assert.Contains("postern_request_underscore_headers_dropped_total 3", gateway.Metrics());
    }

    [Fact]
    public async Task Values_keep_their_bytes_and_their_order()
    {
        var head = await SentAsync("X-Many: one\r\nX-Other: x\r\nX-Many:\r\nX-Many: \t two , three\t\r\nX-Bytes: caf\xe9 \xff\x80");
        Assert.Equal(["one", "", "two , three"], RawAnswer.Fields(head, "X-Many"));
        Assert.Equal(["caf\xe9 \xff\x80"], RawAnswer.Fields(head, "X-Bytes"));
    }

    [Theory]
    [InlineData("X-Request-Id: abc-123", "abc-123")]
    [InlineData("X-Request-Id: a b", null)]
    [InlineData("X-Request-Id: a\r\nX-Request-Id: b", null)]
    [InlineData("X-Request-Id: <script>", null)]
    [InlineData("X-Keep: 1", null)]
    public async Task The_request_id_is_kept_if_sane_and_returned(string fields, string? kept)
    {
        await using var upstream = Heads(out var heads, "X-Request-Id: the-upstreams-own\r\n");
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        var answer = await gateway.SendRawAsync($"GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        var sent = RawAnswer.Fields(heads[^1], "X-Request-Id").Single();
        Assert.Equal(sent, answer["X-Request-Id"]);
        Assert.Equal(sent, (await gateway.LogAsync(1))[0].GetProperty("requestId").GetString());
        if (kept is null)
        {
            Assert.Matches(Hex32(), sent);
        }
        else
        {
            Assert.Equal(kept, sent);
        }
    }

    [Theory]
    [InlineData("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: a=1,b=2", "4bf92f3577b34da6a3ce929d0e0e4736", "a=1,b=2")]
    [InlineData("traceparent: cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-ever", "4bf92f3577b34da6a3ce929d0e0e4736", null)]
    [InlineData("traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01\r\ntracestate: a=1", null, null)]
    [InlineData("traceparent: 00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01\r\ntracestate: a=1", null, null)]
    [InlineData("tracestate: a=1", null, null)]
    public async Task A_trace_is_continued_or_begun(string fields, string? trace, string? state)
    {
        var head = await SentAsync(fields);
        var parent = TraceParent().Match(RawAnswer.Fields(head, "traceparent").Single());
        Assert.True(parent.Success);
        if (trace is not null)
        {
            Assert.Equal(trace, parent.Groups[1].Value);
            Assert.NotEqual("00f067aa0ba902b7", parent.Groups[2].Value);
        }
        Assert.Equal(state is null ? [] : [state], RawAnswer.Fields(head, "tracestate"));
    }

    private static async Task<string> SentAsync(string fields, string root = "")
    {
        await using var upstream = Heads(out var heads);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, root: root);
        var answer = await gateway.SendRawAsync($"GET / HTTP/1.1\r\nHost: front.example:81\r\n{fields}\r\n\r\n");
        Assert.Equal(200, answer.Status);
        return Assert.Single(heads);
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

    [GeneratedRegex("^[0-9a-f]{32}$")]
    private static partial Regex Hex32();

    [GeneratedRegex("^00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]$")]
    private static partial Regex TraceParent();
}
