using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams.Forwarding;

/// <summary>What an upstream may send, and what of it is passed on.</summary>
public sealed class AnswerTests
{
    private const string Ok = "HTTP/1.1 200 OK\r\n";

    [Theory]
    [InlineData("Content-Length: 5\r\n\r\nhello", "hello")]
    [InlineData("Content-Length: 0\r\n\r\n", "")]
    [InlineData("Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "hello")]
    [InlineData("Content-Length: 5, 5\r\n\r\nhello", "hello")]
    [InlineData("content-length:5\r\n\r\nhello", "hello")]
    [InlineData("Content-Length: \t 5 \r\n\r\nhello", "hello")]
    [InlineData("\r\nuntil the end", "until the end")]
    [InlineData("Connection: keep-alive\r\n\r\nuntil the end", "until the end")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello")]
    [InlineData("transfer-encoding: Chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n0005;a=b;c=\"d\"\r\nhello\r\n00\r\n\r\n", "hello")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5 ;x\r\nhello\r\n0\r\nA: b\r\n\r\n", "hello")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", "0123456789")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "")]
    public async Task A_valid_body_is_read_to_its_end(string rest, string body)
    {
        await using var upstream = ScriptedUpstream.Answering(Ok + rest, close: true);
        using var caller = new Caller(upstream.Url);
        Assert.Equal((200, body), await caller.GetAsync());
    }

    [Theory]
    [InlineData("Content-Length: 5\r\n\r\nhello", "hello")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5;ext\r\nhello\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n", "helloabc")]
    public async Task Bytes_may_come_one_by_one(string rest, string body)
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadRequestAsync();
            foreach (var c in Ok + rest)
            {
                await connection.WriteAsync(c.ToString());
                await Task.Yield();
            }
            await connection.DrainAsync();
        });
        using var caller = new Caller(upstream.Url);
        Assert.Equal((200, body), await caller.GetAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200")]
    [InlineData("HTTP/1.1 200 OK\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n")]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\n")]
    public async Task A_head_cut_short_is_an_upstream_gone(string answer)
    {
        await using var upstream = ScriptedUpstream.Answering(answer, close: true);
        using var caller = new Caller(upstream.Url);
        Assert.Equal(Failure.UpstreamGone, await Caller.FailureOf(() => caller.GetAsync()));
    }

    public static TheoryData<string> Malformed =>
    [
        "hello", "\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 No\r\n\r\n", "HTTP/1.1 600 No\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1\t200 OK\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n", "HTTP/1.1 200 O\rK\r\n\r\n", "HTTP/1.1 +20 OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n",
        Ok + "A: b\r\n c\r\n\r\n", Ok + " A: b\r\n\r\n", Ok + "\tA: b\r\n\r\n", Ok + "A b\r\n\r\n", Ok + "A\r\n\r\n", Ok + ": b\r\n\r\n", Ok + "A : b\r\n\r\n", Ok + "A\t: b\r\n\r\n",
        Ok + "A(b): c\r\n\r\n", Ok + "A\u00e9: c\r\n\r\n", Ok + "A\0: c\r\n\r\n", Ok + "A: b\0c\r\n\r\n", Ok + "A: b\rc\r\n\r\n", Ok + "A: b\u0001c\r\n\r\n", Ok + "A: b\u001fc\r\n\r\n", Ok + "A: b\u007f\r\n\r\n",
        Ok + "A: b\r\r\n\r\n",
        Ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        Ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", Ok + "Content-Length: 5, 6\r\n\r\nhello", Ok + "Content-Length: +5\r\n\r\nhello", Ok + "Content-Length: -5\r\n\r\nhello",
        Ok + "Content-Length: 5x\r\n\r\nhello", Ok + "Content-Length: 0x5\r\n\r\nhello", Ok + "Content-Length: 5 5\r\n\r\nhello", Ok + "Content-Length:\r\n\r\n", Ok + "Content-Length: 5,\r\n\r\nhello",
        Ok + "Content-Length: 9223372036854775808\r\n\r\n", Ok + "Content-Length: 99999999999999999999999\r\n\r\n", Ok + "Content-Length: 18446744073709551621\r\n\r\nhello", Ok + "Content-Length: 1.0\r\n\r\nh",
        Ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Ok + "Transfer-Encoding: identity\r\n\r\n", Ok + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", Ok + "Transfer-Encoding:\r\n\r\n0\r\n\r\n",
        Ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Ok + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", Ok + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
        Ok + "Transfer-Encoding: \u000bchunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nA b\r\n\r\n" + Ok + "\r\n",
        string.Concat(Enumerable.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 17)) + Ok + "\r\n",
        Ok + string.Concat(Enumerable.Repeat("A: b\r\n", 201)) + "\r\n",
        Ok + "A: " + new string('x', 70_000) + "\r\n\r\n",
        Ok + string.Concat(Enumerable.Repeat("A: " + new string('x', 1000) + "\r\n", 70)) + "\r\n",
        Ok + new string('x', 70_000), "HTTP/1.1 200 " + new string('x', 70_000),
    ];

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task A_malformed_head_is_refused(string answer)
    {
        // The connection stays open: what is wrong must be seen from the bytes, not from the end.
        await using var upstream = ScriptedUpstream.Answering(answer);
        using var caller = new Caller(upstream.Url);
        Assert.Equal(Failure.UpstreamProtocol, await Caller.FailureOf(() => caller.GetAsync()));
    }

    [Theory]
    [InlineData("Content-Length: 6\r\n\r\nhello")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhell")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n")]
    public async Task A_body_cut_short_is_broken(string rest)
    {
        await using var upstream = ScriptedUpstream.Answering(Ok + rest, close: true);
        using var caller = new Caller(upstream.Url);
        Assert.Equal(Failure.UpstreamBroken, await Caller.FailureOf(() => caller.GetAsync()));
    }

    public static TheoryData<string> BadChunks =>
    [
        "x\r\n", "\r\n", ";a\r\n", "-1\r\n", "+5\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "5\r\r\nhello\r\n0\r\n\r\n",
        "5g\r\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\rX0\r\n\r\n", "5\r\nhello0\r\n\r\n", "8000000000000000\r\nhello", "ffffffffffffffff\r\nhello", "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "00000000000000005\r\nhello\r\n0\r\n\r\n", "5;a=\0\r\nhello\r\n0\r\n\r\n", "5;" + new string('a', 2000) + "\r\nhello\r\n0\r\n\r\n",
        string.Concat(Enumerable.Repeat("1;" + new string('e', 1000) + "\r\nx\r\n", 70)), "5\r\nhello\r\n0\r\nA b\r\n\r\n", "5\r\nhello\r\n0\r\n A: b\r\n\r\n", "5\r\nhello\r\n0\r\nA: b\0\r\n\r\n", "5\r\nhello\r\n0\r\nA: b\n\r\n",
        "5\r\nhello\r\n0\r\n\n", "0\r\n" + string.Concat(Enumerable.Repeat("A: b\r\n", 201)) + "\r\n", "0\r\nA: " + new string('x', 70_000) + "\r\n\r\n",
    ];

    [Theory]
    [MemberData(nameof(BadChunks))]
    public async Task Bad_chunking_is_a_broken_body(string chunks)
    {
        await using var upstream = ScriptedUpstream.Answering(Ok + "Transfer-Encoding: chunked\r\n\r\n" + chunks);
        using var caller = new Caller(upstream.Url);
        Assert.Equal(Failure.UpstreamBroken, await Caller.FailureOf(() => caller.GetAsync()));
    }

    [Fact]
    public async Task A_reset_within_a_body_that_ends_with_the_connection_is_broken()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var sending = caller.SendAsync(caller.Call());
        var connection = await upstream.AcceptAsync();
        await connection.ReadHeadAsync();
        await connection.WriteAsync(Ok + "\r\nhalf");
        var reply = await sending;
        Assert.Equal(4, (await reply.ReadAsync()).Length);
        connection.Reset();
        Assert.Equal(Failure.UpstreamBroken, await Caller.FailureOf(async () => await reply.ReadAsync()));
        await reply.FinishAsync();
    }

    [Theory]
    [InlineData("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", null)]
    [InlineData("GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", null)]
    [InlineData("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 5)]
    [InlineData("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 5)]
    [InlineData("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", null)]
    [InlineData("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0)]
    public async Task Some_answers_have_no_body_whatever_they_say(string method, string answer, int? length)
    {
        await using var upstream = ScriptedUpstream.Answering(answer);
        using var caller = new Caller(upstream.Url);
        for (var i = 0; i < 3; i++)
        {
            var reply = await caller.SendAsync(caller.Call(method));
            Assert.False(reply.HasBody);
            Assert.Equal(length, reply.Length);
            Assert.Equal(0, (await reply.ReadAsync()).Length);
            Assert.Null(reply.Fields.Find("Content-Length"));
            await reply.FinishAsync();
        }
        Assert.Equal(1, upstream.Accepted);
    }

    [Fact]
    public async Task Interim_answers_are_skipped()
    {
        await using var upstream = ScriptedUpstream.Answering(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nA: b\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        using var caller = new Caller(upstream.Url);
        var reply = await caller.SendAsync(caller.Call());
        Assert.Equal(0, reply.Fields.Count);
        Assert.Equal("ok", await Caller.TextAsync(reply));
        await reply.FinishAsync();
    }

    [Fact]
    public async Task Fields_of_the_connection_and_those_it_names_are_removed()
    {
        await using var upstream = ScriptedUpstream.Answering(
            "HTTP/1.1 299 Fine by me\r\nX-Hop: 1\r\nConnection: x-hop , Keep-Alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nTE: trailers\r\nTrailer: X-T\r\nUpgrade: h2c\r\n"
            + "Proxy-Authenticate: Basic\r\nSet-Cookie: a=1\r\nset-cookie: b=\u00e9\r\nX-Empty:\r\nX-Tab: a\tb\r\nContent-Length: 0\r\n\r\n");
        using var caller = new Caller(upstream.Url);
        for (var i = 0; i < 2; i++)
        {
            var reply = await caller.SendAsync(caller.Call());
            Assert.Equal(
                [("Proxy-Authenticate", "Basic"), ("Set-Cookie", "a=1"), ("set-cookie", "b=\u00e9"), ("X-Empty", ""), ("X-Tab", "a\tb")], reply.Fields.Fields.ToArray());
            Assert.Equal((299, "Fine by me"), ((int)reply.StatusCode, reply.ReasonPhrase));
            await reply.FinishAsync();
        }
    }

    [Fact]
    public async Task Trailers_follow_the_body()
    {
        await using var upstream = ScriptedUpstream.Answering(
            Ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nX-Sum: 2\r\n\r\n");
        using var caller = new Caller(upstream.Url);
        for (var i = 0; i < 2; i++)
        {
            var reply = await caller.SendAsync(caller.Call());
            Assert.Equal("ok", await Caller.TextAsync(reply));
            await reply.FinishAsync();
            Assert.Equal([("X-Sum", "1"), ("X-Sum", "2")], reply.Trailers!.Fields.ToArray());
        }
        Assert.Equal(1, upstream.Accepted);
    }

    [Fact]
    public async Task Each_answer_on_a_connection_has_its_own_fields()
    {
        var count = 0;
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequestAsync() is { Length: > 0 })
            {
                var n = ++count;
                await connection.WriteAsync($"{Ok}X-{n % 3}: {n / 2}\r\nX-Long: {new string('l', n * 100)}\r\nContent-Length: 0\r\n\r\n");
            }
        });
        using var caller = new Caller(upstream.Url);
        for (var n = 1; n < 30; n++)
        {
            var reply = await caller.SendAsync(caller.Call());
            Assert.Equal([($"X-{n % 3}", $"{n / 2}"), ("X-Long", new string('l', n * 100))], reply.Fields.Fields.ToArray());
            await reply.FinishAsync();
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx")]
    public async Task Such_a_connection_is_not_used_again(string answer)
    {
        await using var upstream = ScriptedUpstream.Answering(answer);
        using var caller = new Caller(upstream.Url);
        Assert.Equal((200, "ok"), await caller.GetAsync());
        Assert.Equal((200, "ok"), await caller.GetAsync());
        Assert.Equal(2, upstream.Accepted);
    }

    [Fact]
    public async Task An_old_upstream_may_keep_its_connection()
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok");
        using var caller = new Caller(upstream.Url);
        Assert.Equal((200, "ok"), await caller.GetAsync());
        Assert.Equal((200, "ok"), await caller.GetAsync());
        Assert.Equal(1, upstream.Accepted);
    }
}
