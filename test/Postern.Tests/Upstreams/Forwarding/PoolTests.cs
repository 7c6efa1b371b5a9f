using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams.Forwarding;

/// <summary>Which connection serves a call, and what becomes of it afterwards.</summary>
public sealed class PoolTests
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Fact]
    public async Task Calls_one_after_another_share_a_connection()
    {
        await using var upstream = ScriptedUpstream.Answering(Ok);
        using var caller = new Caller(upstream.Url);
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal((200, "ok"), await caller.GetAsync());
        }
        Assert.Equal(1, upstream.Accepted);
    }

    [Fact]
    public async Task Calls_at_the_same_time_share_none()
    {
        await using var upstream = ScriptedUpstream.Answering(Ok);
        using var caller = new Caller(upstream.Url);
        var replies = new List<UpstreamReply>();
        for (var i = 0; i < 20; i++)
        {
            replies.Add(await caller.SendAsync(caller.Call()));
        }
        Assert.Equal(20, upstream.Accepted);
        foreach (var reply in replies)
        {
            Assert.Equal("ok", await Caller.TextAsync(reply));
            await reply.FinishAsync();
        }
        await caller.GetAsync();
        Assert.Equal(20, upstream.Accepted);
    }

    [Fact]
    public async Task Finishing_twice_gives_the_connection_back_once()
    {
        await using var upstream = ScriptedUpstream.Answering(Ok);
        using var caller = new Caller(upstream.Url);
        var first = await caller.SendAsync(caller.Call());
        await Caller.TextAsync(first);
        await first.FinishAsync();
        var second = await caller.SendAsync(caller.Call());
        await first.FinishAsync();
        first.Dispose();
        Assert.Equal("ok", await Caller.TextAsync(second));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await first.ReadAsync());
        await second.FinishAsync();
        Assert.Equal(1, upstream.Accepted);
    }

    [Fact]
    public async Task A_connection_that_the_upstream_closed_while_idle_is_not_used()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        for (var i = 0; i < 5; i++)
        {
            // POST can't be sent twice, so this only works if the closing was noticed.
            var sending = caller.GetAsync(caller.Call("POST"));
            var connection = await upstream.AcceptAsync();
            await connection.ReadRequestAsync();
            await connection.WriteAsync(Ok);
            Assert.Equal((200, "ok"), await sending);
            connection.Close();
        }
        Assert.Equal(5, upstream.Accepted);
    }

    [Fact]
    public async Task A_connection_on_which_something_came_unasked_is_not_used()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        for (var i = 0; i < 5; i++)
        {
            var sending = caller.GetAsync(caller.Call("POST"));
            var connection = await upstream.AcceptAsync();
            await connection.ReadRequestAsync();
            await connection.WriteAsync(Ok);
            Assert.Equal((200, "ok"), await sending);
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
        }
        Assert.Equal(5, upstream.Accepted);
    }

    [Theory]
    [InlineData("GET", null, false)]
    [InlineData("GET", null, true)]
    [InlineData("HEAD", null, false)]
    [InlineData("DELETE", null, false)]
    [InlineData("OPTIONS", null, true)]
    [InlineData("PUT", "some content", false)]
    [InlineData("PUT", "some content", true)]
    public async Task A_call_that_may_be_repeated_survives_the_closing_of_its_pooled_connection(string method, string? body, bool reset)
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var first = caller.GetAsync();
        var old = await upstream.AcceptAsync();
        await old.ReadRequestAsync();
        await old.WriteAsync(Ok);
        await first;
        var second = caller.SendAsync(caller.Call(method, body: body));
        var request = await old.ReadRequestAsync();
        if (reset)
        {
            old.Reset();
        }
        else
        {
            old.Close();
        }
        var fresh = await upstream.AcceptAsync();
        Assert.Equal(request, await fresh.ReadRequestAsync());
        await fresh.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n");
        var reply = await second;
        Assert.Equal(204, (int)reply.StatusCode);
        await reply.FinishAsync();
    }

    [Fact]
    public async Task A_body_that_comes_in_pieces_is_repeated_from_its_beginning()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var first = caller.GetAsync();
        var old = await upstream.AcceptAsync();
        await old.ReadRequestAsync();
        await old.WriteAsync(Ok);
        await first;
        var call = caller.Call("PUT");
        var pipe = new System.IO.Pipelines.Pipe();
        call.Body = pipe.Reader;
        var second = caller.GetAsync(call);
        await pipe.Writer.WriteAsync("first "u8.ToArray());
        Assert.EndsWith("first \r\n", await old.ReadUntilAsync("first \r\n"));
        old.Close();
        var fresh = await upstream.AcceptAsync();
        Assert.EndsWith("\r\n\r\n6\r\nfirst \r\n", await fresh.ReadUntilAsync("first \r\n"));
        await pipe.Writer.WriteAsync("second"u8.ToArray());
        await pipe.Writer.CompleteAsync();
        Assert.Equal("6\r\nsecond\r\n0\r\n\r\n", await fresh.ReadUntilAsync("0\r\n\r\n"));
        await fresh.WriteAsync(Ok);
        Assert.Equal((200, "ok"), await second);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PATCH")]
    [InlineData("REPORT")]
    public async Task A_call_that_may_not_be_repeated_fails_instead(string method)
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var first = caller.GetAsync();
        var old = await upstream.AcceptAsync();
        await old.ReadRequestAsync();
        await old.WriteAsync(Ok);
        await first;
        var second = Caller.FailureOf(() => caller.GetAsync(caller.Call(method)));
        await old.ReadRequestAsync();
        old.Close();
        Assert.Equal(Failure.UpstreamGone, await second);
        Assert.Equal(1, upstream.Accepted);
    }

    [Fact]
    public async Task Once_the_answer_has_begun_nothing_is_repeated()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var first = caller.GetAsync();
        var old = await upstream.AcceptAsync();
        await old.ReadRequestAsync();
        await old.WriteAsync(Ok);
        await first;
        var second = Caller.FailureOf(() => caller.GetAsync());
        await old.ReadRequestAsync();
        await old.WriteAsync("H");
        old.Close();
        Assert.Equal(Failure.UpstreamGone, await second);
    }

    [Fact]
    public async Task A_fresh_connection_that_dies_is_the_upstreams_failure()
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadRequestAsync();
            connection.Close();
        });
        using var caller = new Caller(upstream.Url);
        Assert.Equal(Failure.UpstreamGone, await Caller.FailureOf(() => caller.GetAsync()));
        Assert.Equal(1, upstream.Accepted);
    }

    [Fact]
    public async Task Past_the_most_connections_calls_wait_in_order()
    {
        await using var upstream = ScriptedUpstream.Answering(Ok);
        using var caller = new Caller(upstream.Url, maxConnections: 2);
        var a = await caller.SendAsync(caller.Call());
        var b = await caller.SendAsync(caller.Call());
        var c = caller.SendAsync(caller.Call());
        var d = caller.SendAsync(caller.Call());
        Assert.False(c.IsCompleted);
        await Caller.TextAsync(a);
        await a.FinishAsync();
        await (await c).FinishAsync();   // its body unread: that connection closes, and the next call opens one
        Assert.Equal("ok", await Caller.TextAsync(await d));
        await (await d).FinishAsync();
        await b.FinishAsync();
        Assert.Equal(3, upstream.Accepted);
    }

    [Fact]
    public async Task Waiting_too_long_for_a_connection_is_busy()
    {
        var time = new SteppedTime();
        await using var upstream = ScriptedUpstream.Answering(Ok);
        using var caller = new Caller(upstream.Url, maxConnections: 1, connectTimeout: TimeSpan.FromSeconds(5), time: time);
        var holding = await caller.SendAsync(caller.Call());
        var waiting = Caller.FailureOf(() => caller.GetAsync());
        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(waiting.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal(Failure.UpstreamBusy, await waiting.WaitAsync(ScriptedUpstream.Patience));
        await Caller.TextAsync(holding);
        await holding.FinishAsync();
        Assert.Equal((200, "ok"), await caller.GetAsync());
    }

    [Fact]
    public async Task A_call_cancelled_while_it_waits_leaves_its_place()
    {
        await using var upstream = ScriptedUpstream.Answering(Ok);
        using var caller = new Caller(upstream.Url, maxConnections: 1);
        var holding = await caller.SendAsync(caller.Call());
        using var cancel = new CancellationTokenSource();
        var waiting = caller.SendAsync(caller.Call(), cancel.Token);
        var next = caller.GetAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Caller.TextAsync(holding);
        await holding.FinishAsync();
        Assert.Equal((200, "ok"), await next);
        Assert.Equal(1, upstream.Accepted);
    }

    [Fact]
    public async Task A_refused_connection_is_unreachable_and_frees_its_place()
    {
        string url;
        await using (var upstream = new ScriptedUpstream())
        {
            url = upstream.Url;
        }
        using var caller = new Caller(url, maxConnections: 1);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(Failure.UpstreamUnreachable, await Caller.FailureOf(() => caller.GetAsync()));
        }
    }

    [Fact]
    public async Task A_name_without_an_address_is_unreachable()
    {
        using var caller = new Caller("http://no-such-host.invalid:80");
        Assert.Equal(Failure.UpstreamUnreachable, await Caller.FailureOf(() => caller.GetAsync()));
    }

    [Fact]
    public async Task A_name_is_tried_at_all_its_addresses()
    {
        // localhost may be ::1 first; the upstream listens on 127.0.0.1 alone.
        await using var upstream = ScriptedUpstream.Answering(Ok);
        using var caller = new Caller($"http://localhost:{upstream.Port}");
        Assert.Equal((200, "ok"), await caller.GetAsync());
    }

    [Fact]
    public async Task Idle_connections_are_closed_after_a_minute()
    {
        var time = new SteppedTime();
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url, time: time);
        var sending = caller.GetAsync();
        var connection = await upstream.AcceptAsync();
        await connection.ReadRequestAsync();
        await connection.WriteAsync(Ok);
        await sending;
        time.Advance(TimeSpan.FromSeconds(59));
        var again = caller.GetAsync();
        await connection.ReadRequestAsync();
        await connection.WriteAsync(Ok);
        await again;
        time.Advance(TimeSpan.FromSeconds(75));
        Assert.Equal("", await connection.ReadHeadAsync());
        Assert.Equal(0, time.Waiting);
    }

    [Fact]
    public async Task A_retired_destination_serves_on_and_keeps_no_connection()
    {
        await using var upstream = new ScriptedUpstream();
        var caller = new Caller(upstream.Url);
        var idle = caller.GetAsync();
        var first = await upstream.AcceptAsync();
        await first.ReadRequestAsync();
        var busy = caller.SendAsync(caller.Call());
        var second = await upstream.AcceptAsync();
        await second.ReadRequestAsync();
        await first.WriteAsync(Ok);
        await idle;
        caller.Dispose();
        Assert.Equal("", await first.ReadHeadAsync());
        await second.WriteAsync(Ok);
        Assert.Equal("ok", await Caller.TextAsync(await busy));
        await (await busy).FinishAsync();
        Assert.Equal("", await second.ReadHeadAsync());
        var late = caller.GetAsync();
        var third = await upstream.AcceptAsync();
        await third.ReadRequestAsync();
        await third.WriteAsync(Ok);
        Assert.Equal((200, "ok"), await late);
        Assert.Equal("", await third.ReadHeadAsync());
    }

    [Fact]
    public async Task Cancelling_ends_a_call_and_its_connection_at_once()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        using var cancel = new CancellationTokenSource();
        var sending = caller.SendAsync(caller.Call(), cancel.Token);
        var connection = await upstream.AcceptAsync();
        await connection.ReadRequestAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        await connection.DrainAsync();
    }

    [Fact]
    public async Task Cancelling_ends_a_body_too()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        using var cancel = new CancellationTokenSource();
        var sending = caller.SendAsync(caller.Call(), cancel.Token);
        var connection = await upstream.AcceptAsync();
        await connection.ReadRequestAsync();
        await connection.WriteAsync("HTTP/1.1 200 OK\r\n\r\nhalf");
        var reply = await sending;
        Assert.Equal(4, (await reply.ReadAsync()).Length);
        var next = reply.ReadAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next);
        await reply.FinishAsync();
        await connection.DrainAsync();
    }

    [Fact]
    public async Task A_late_cancel_never_hits_another_call()
    {
        await using var upstream = ScriptedUpstream.Answering(Ok);
        using var caller = new Caller(upstream.Url);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 500; i++)
            {
                using var cancel = new CancellationTokenSource();
                var reply = await caller.SendAsync(caller.Call(), cancel.Token);
                await Caller.TextAsync(reply);
                var cancelling = Task.Run(cancel.Cancel);
                await reply.FinishAsync();
                Assert.Equal((200, "ok"), await caller.GetAsync(caller.Call("POST")));
                await cancelling;
            }
        })));
    }
}
