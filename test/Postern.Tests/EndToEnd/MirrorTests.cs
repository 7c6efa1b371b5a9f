using System.Collections.Concurrent;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>Copies of requests: what they hold, and that they are never in the way.</summary>
public sealed class MirrorTests
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmain";

    [Fact]
    public async Task A_request_goes_to_both_and_one_answers()
    {
        await using var up = ScriptedUpstream.Answering(Ok);
        await using var shadow = new Shadow("HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad");
        await using var gateway = await StartAsync(up.Url, shadow.Url, "mirror: http://shadow/copy/{rest}");
        var answer = await gateway.SendRawAsync("GET /a/b?x=1 HTTP/1.1\r\nHost: shop.example\r\nX-Own: 1\r\nAuthorization: Bearer t\r\nX-Forwarded-Port: 9\r\n\r\n");
        Assert.Equal((200, "main"), (answer.Status, answer.Body));
        var copy = await shadow.NextAsync();
        Assert.StartsWith("GET /copy/a/b?x=1 HTTP/1.1\r\n", copy, StringComparison.Ordinal);
        Assert.Equal(("1", "1", "Bearer t", "127.0.0.1"), (Field(copy, "X-Postern-Mirror"), Field(copy, "X-Own"), Field(copy, "Authorization"), Field(copy, "X-Forwarded-For")));
        Assert.Equal((answer["X-Request-Id"], null), (Field(copy, "X-Request-Id"), Field(copy, "X-Forwarded-Port")));
        await CountsAsync(gateway, "answered", 1);
        Assert.Equal("up", (await gateway.LogAsync(1))[0].GetProperty("upstream").GetString());
    }

    [Theory]
    [InlineData("Content-Length: 11\r\n\r\nhello world")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")]
    public async Task A_body_is_copied_while_it_is_sent(string body)
    {
        var got = new BlockingCollection<string>();
        await using var up = Recording(got);
        await using var shadow = new Shadow();
        await using var gateway = await StartAsync(up.Url, shadow.Url, "mirror: http://shadow");
        Assert.Equal(200, (await gateway.SendRawAsync($"POST /a HTTP/1.1\r\nHost: a\r\n{body}")).Status);
        Assert.Matches("\r\n\r\n(b\r\n|5\r\n)?hello(\r\n6\r\n)? world", got.Take());
        var copy = await shadow.NextAsync();
        Assert.Equal("11", Field(copy, "Content-Length"));
        Assert.EndsWith("\r\n\r\nhello world", copy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_body_without_a_length_is_whole_at_once()
    {
        await using var up = ScriptedUpstream.Answering(Ok);
        await using var shadow = new Shadow();
        await using var gateway = await StartAsync(up.Url, shadow.Url, "mirror: http://shadow");
        await gateway.SendRawAsync("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        Assert.StartsWith("POST /a HTTP/1.1\r\n", await shadow.NextAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Length: 1025\r\n\r\n", "")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n401\r\n", "\r\n0\r\n\r\n")]
    public async Task A_body_past_its_bound_isnt_copied_and_counted(string before, string after)
    {
        var got = new BlockingCollection<string>();
        await using var up = Recording(got);
        await using var shadow = new Shadow();
        await using var gateway = await StartAsync(up.Url, shadow.Url, "mirror: { to: http://shadow, maxBody: 1KB }");
        Assert.Equal(200, (await gateway.SendRawAsync($"POST /a HTTP/1.1\r\nHost: a\r\n{before}{new string('x', 1025)}{after}")).Status);
        Assert.Contains(new string('x', 1025), got.Take(), StringComparison.Ordinal);
        await CountsAsync(gateway, "too-large", 1);
        // The place is free again, and at the bound a body is copied.
        await gateway.SendRawAsync($"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 1024\r\n\r\n{new string('y', 1024)}");
        Assert.EndsWith("\r\n\r\n" + new string('y', 1024), await shadow.NextAsync(), StringComparison.Ordinal);
        await CountsAsync(gateway, "answered", 1);
        Assert.Contains("postern_upstream_mirrors_in_progress{gate=\"web\",upstream=\"shadow\"} 0\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_never_ends_is_given_up_with_its_request()
    {
        await using var up = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadUntilAsync("hel");
            await connection.WriteAsync("HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            await connection.DrainAsync();
        });
        await using var shadow = new Shadow();
        await using var gateway = await StartAsync(up.Url, shadow.Url, "mirror: http://shadow");
        using (var client = await gateway.ConnectAsync())
        {
            await client.SendAsync("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
            Assert.StartsWith("HTTP/1.1 413 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        }
        await CountsAsync(gateway, "cut", 1);
        Assert.Contains("postern_upstream_mirrors_in_progress{gate=\"web\",upstream=\"shadow\"} 0\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_too_many_are_under_way_no_more_are_made()
    {
        await using var up = ScriptedUpstream.Answering(Ok);
        await using var shadow = new ScriptedUpstream();
        await using var gateway = await StartAsync(up.Url, shadow.Url, "mirror: { to: http://shadow, maxConcurrent: 2 }");
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal("main", (await gateway.SendRawAsync("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")).Body);
        }
        Assert.Contains(Series("full", 8), gateway.Metrics(), StringComparison.Ordinal);
        Assert.Contains("postern_upstream_mirrors_in_progress{gate=\"web\",upstream=\"shadow\"} 2\n", gateway.Metrics(), StringComparison.Ordinal);
        // As soon as they have their answers there is room again.
        for (var i = 0; i < 2; i++)
        {
            var connection = await shadow.AcceptAsync();
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n");
        }
        await CountsAsync(gateway, "answered", 2);
        await gateway.SendRawAsync("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Contains(Series("full", 8), gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mirror_that_fails_is_nobodys_trouble()
    {
        await using var up = ScriptedUpstream.Answering(Ok);
        await using var gateway = await StartAsync(up.Url, "http://127.0.0.1:1", "mirror: http://shadow\nfallback: { body: x, on: [5xx, connect] }");
        var answer = await gateway.SendRawAsync("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal((200, "main", null), (answer.Status, answer.Body, answer["Postern-Fallback"]));
        await CountsAsync(gateway, "failed", 1);
        Assert.False((await gateway.LogAsync(1))[0].TryGetProperty("failure", out _));
    }

    [Fact]
    public async Task The_sample_is_exact()
    {
        await using var up = ScriptedUpstream.Answering(Ok);
        await using var shadow = new Shadow();
        await using var gateway = await StartAsync(up.Url, shadow.Url, "mirror: { to: http://shadow, sample: 10% }");
        using var client = await gateway.ConnectAsync();
        for (var i = 0; i < 200; i++)
        {
            await client.SendAsync("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
            await client.ReadAnswerAsync();
        }
        for (var i = 0; i < 19; i++)
        {
            await shadow.NextAsync();
        }
        var made = gateway.Metrics().Split('\n').Where(l => l.StartsWith("postern_upstream_mirrors_total{", StringComparison.Ordinal)).Sum(l => int.Parse(l[(l.LastIndexOf(' ') + 1)..]));
        Assert.InRange(made, 19, 21);
    }

    [Fact]
    public async Task A_copy_is_not_copied_and_a_client_cant_claim_to_be_one()
    {
        var got = new BlockingCollection<string>();
        await using var up = Recording(got);
        await using var shadow = new Shadow();
        await using var gateway = await StartAsync(up.Url, shadow.Url, "mirror: http://shadow");
        await gateway.SendRawAsync("GET /claimed HTTP/1.1\r\nHost: a\r\nX-Postern-Mirror: 1\r\n\r\n");
        Assert.Null(Field(got.Take(), "X-Postern-Mirror"));
        await gateway.SendRawAsync("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.StartsWith("GET /plain ", await shadow.NextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gate_mirrors_for_its_routes_but_for_those_that_say_otherwise()
    {
        await using var up = ScriptedUpstream.Answering(Ok);
        await using var shadow = new Shadow();
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { up: { url: "{{up.Url}}" }, shadow: { url: "{{shadow.Url}}" } }
            gates:
              web:
                match: { path: /web }
                identity: off
                mirror: http://shadow
                routes:
                  - { get: /a, to: http://up/inner/a, mirror: off }
                  - { get: /b, to: http://up/inner/b }
            """);
        await gateway.SendRawAsync("GET /web/a HTTP/1.1\r\nHost: a\r\n\r\n");
        await gateway.SendRawAsync("GET /web/b HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.StartsWith("GET /b HTTP/1.1\r\n", await shadow.NextAsync(), StringComparison.Ordinal);
        await CountsAsync(gateway, "answered", 1);
    }

    private static ScriptedUpstream Recording(BlockingCollection<string> requests) => ScriptedUpstream.Serving(async connection =>
    {
        while (await connection.ReadRequestAsync() is { Length: > 0 } request)
        {
            requests.Add(request);
            await connection.WriteAsync(Ok);
        }
    });

    private static Task<TestGateway> StartAsync(string up, string shadow, string route) => TestGateway.StartAsync($$"""
        upstreams: { up: { url: "{{up}}" }, shadow: { url: "{{shadow}}" } }
        gates:
          web:
            identity: off
            routes:
              - any: "/{**rest}"
                to: http://up
        {{string.Join('\n', route.Split('\n').Select(l => "        " + l))}}
        """);

    private static string Series(string outcome, int count) => $"postern_upstream_mirrors_total{{gate=\"web\",upstream=\"shadow\",outcome=\"{outcome}\"}} {count}\n";

    private static async Task CountsAsync(TestGateway gateway, string outcome, int count)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while (!gateway.Metrics().Contains(Series(outcome, count), StringComparison.Ordinal))
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    private static string? Field(string head, string name) => RawAnswer.Fields(head, name) is { Count: > 0 } values ? Assert.Single(values) : null;

    /// <summary>An upstream that keeps what it is sent.</summary>
    private sealed class Shadow : IAsyncDisposable
    {
        private readonly ScriptedUpstream upstream;
        private readonly System.Threading.Channels.Channel<string> copies = System.Threading.Channels.Channel.CreateUnbounded<string>();

        public Shadow(string answer = "HTTP/1.1 204 No Content\r\n\r\n") => upstream = ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequestAsync() is { Length: > 0 } request)
            {
                copies.Writer.TryWrite(request);
                await connection.WriteAsync(answer);
            }
        });

        public string Url => upstream.Url;

        public Task<string> NextAsync() => copies.Reader.ReadAsync().AsTask().WaitAsync(TestGateway.Patience);

        public ValueTask DisposeAsync() => upstream.DisposeAsync();
    }
}
