using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams.Forwarding;

/// <summary>Answers that come before the request has been sent, and requests that wait to be asked for their body.</summary>
public sealed class EarlyAnswerTests
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    private static (UpstreamCall Call, PipeWriter Body) Upload(Caller caller, long? length = null, string method = "POST")
    {
        var pipe = new Pipe();
        var call = caller.Call(method);
        (call.Body, call.BodyLength) = (pipe.Reader, length);
        return (call, pipe.Writer);
    }

    [Theory]
    [InlineData("timeout: 900ms")]
    [InlineData("timeout: 10s, tryTimeout: 900ms")]
    public async Task Who_says_nothing_of_a_body_that_waits_to_be_asked_for_gets_it_within_a_short_time_too(string time)
    {
        await using var service = ScriptedUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        using var up = new OneUpstream($"{{ url: \"{service.Url}\", {time} }}", TimeProvider.System);
        Assert.Equal("200", await up.CallAsync(new UpstreamCall
        {
            Method = HttpMethod.Post, Body = PipeReader.Create(new MemoryStream("abc"u8.ToArray())), BodyLength = 3, ExpectContinue = true,
        }));
    }

    [Fact]
    public async Task An_answer_is_handed_on_while_the_body_still_goes_out()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var (call, body) = Upload(caller);
        var sending = caller.SendAsync(call);
        var connection = await upstream.AcceptAsync();
        await connection.ReadHeadAsync();
        await connection.WriteAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        var reply = await sending;
        for (var i = 0; i < 5; i++)
        {
            await body.WriteAsync("ping"u8.ToArray());
            Assert.Equal("4\r\nping\r\n", await connection.ReadAsync(9));
            await connection.WriteAsync("4\r\npong\r\n");
            Assert.Equal("pong"u8.ToArray(), (await reply.ReadAsync()).ToArray());
        }
        await body.CompleteAsync();
        Assert.Equal("0\r\n\r\n", await connection.ReadAsync(5));
        await connection.WriteAsync("0\r\n\r\n");
        Assert.Equal(0, (await reply.ReadAsync()).Length);
        await reply.FinishAsync();
        var next = caller.GetAsync();
        await connection.ReadHeadAsync();
        await connection.WriteAsync(Ok);
        Assert.Equal((200, "ok"), await next);
        Assert.Equal(1, upstream.Accepted);
    }

    [Fact]
    public async Task An_early_answer_is_whole_although_the_upstream_reads_no_more()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var (call, body) = Upload(caller);
        var sending = caller.SendAsync(call);
        var connection = await upstream.AcceptAsync();
        await connection.ReadHeadAsync();
        await connection.WriteAsync("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge");
        var reply = await sending;
        Assert.Equal(413, (int)reply.StatusCode);
        connection.Reset();
        for (var i = 0; i < 50; i++)
        {
            await body.WriteAsync(new byte[1000]);
        }
        Assert.Equal("large", await Caller.TextAsync(reply));
        await reply.FinishAsync();
        await AssertUntouchedAsync(call, body);
    }

    [Fact]
    public async Task Once_the_reply_is_finished_the_body_is_touched_no_more()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        foreach (var read in new[] { true, false })
        {
            var (call, body) = Upload(caller);
            var sending = caller.SendAsync(call);
            var connection = await upstream.AcceptAsync();
            await connection.ReadHeadAsync();
            await connection.WriteAsync(Ok);
            var reply = await sending;
            if (read)
            {
                await Caller.TextAsync(reply);
            }
            await reply.FinishAsync();
            await AssertUntouchedAsync(call, body);
            await connection.DrainAsync();
        }
    }

    [Fact]
    public async Task Finishing_ends_a_body_that_the_upstream_does_not_take()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var (call, body) = Upload(caller, 1L << 40);
        var sending = caller.SendAsync(call);
        var writing = Task.Run(async () =>
        {
            // More than the two sockets' buffers hold, so that a send is stuck when the exchange ends.
            for (var i = 0; i < 10_000; i++)
            {
                await body.WriteAsync(new byte[10_000]).AsTask();
            }
        });
        var connection = await upstream.AcceptAsync();
        await connection.ReadHeadAsync();
        await connection.WriteAsync(Ok);
        var reply = await sending;
        await Caller.TextAsync(reply);
        await reply.FinishAsync().AsTask().WaitAsync(ScriptedUpstream.Patience);
        await call.Body!.CompleteAsync();
        await writing.WaitAsync(ScriptedUpstream.Patience);
    }

    [Fact]
    public async Task A_cancelled_upload_leaves_its_body_alone()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        using var cancel = new CancellationTokenSource();
        var (call, body) = Upload(caller);
        var sending = caller.SendAsync(call, cancel.Token);
        var connection = await upstream.AcceptAsync();
        await connection.ReadHeadAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        await AssertUntouchedAsync(call, body);
        await connection.DrainAsync();
    }

    [Fact]
    public async Task A_body_that_fails_after_the_answer_began_ends_the_answer_too()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var (call, body) = Upload(caller);
        var sending = caller.SendAsync(call);
        var connection = await upstream.AcceptAsync();
        await connection.ReadHeadAsync();
        await connection.WriteAsync("HTTP/1.1 200 OK\r\n\r\nhalf");
        var reply = await sending;
        Assert.Equal(4, (await reply.ReadAsync()).Length);
        await body.CompleteAsync(new IOException("the client left"));
        Assert.Equal("the client left", (await Assert.ThrowsAsync<IOException>(async () => await reply.ReadAsync())).Message);
        await reply.FinishAsync();
        await connection.DrainAsync();
    }

    [Fact]
    public async Task An_answer_in_the_way_of_a_closing_upstream_is_read_although_sending_failed()
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
            connection.EndSending();
            await connection.DrainAsync();
        });
        using var caller = new Caller(upstream.Url);
        var (call, body) = Upload(caller, 100_000);
        var writing = body.WriteAsync(new byte[100_000]).AsTask();
        Assert.Equal((401, "no"), await caller.GetAsync(call));
        await call.Body!.CompleteAsync();
        await writing;
    }

    [Fact]
    public async Task A_body_waits_to_be_asked_for()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url, time: new SteppedTime());
        var call = caller.Call("POST", body: "abc");
        call.ExpectContinue = true;
        var sending = caller.GetAsync(call);
        var connection = await upstream.AcceptAsync();
        Assert.EndsWith("Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", await connection.ReadHeadAsync());
        await connection.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n");
        Assert.Equal("abc", await connection.ReadAsync(3));
        await connection.WriteAsync(Ok);
        Assert.Equal((200, "ok"), await sending);
    }

    [Fact]
    public async Task A_body_that_nobody_asks_for_is_not_sent()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url, time: new SteppedTime());
        var call = caller.Call("POST", body: "abc");
        call.ExpectContinue = true;
        var sending = caller.GetAsync(call);
        var connection = await upstream.AcceptAsync();
        await connection.ReadHeadAsync();
        await connection.WriteAsync("HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno");
        Assert.Equal((417, "no"), await sending);
        Assert.Equal(0, await connection.DrainAsync());
    }

    [Fact]
    public async Task A_body_is_sent_unasked_after_a_second()
    {
        var time = new SteppedTime();
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url, time: time);
        var call = caller.Call("PUT", body: "abc");
        call.ExpectContinue = true;
        var sending = caller.GetAsync(call);
        var connection = await upstream.AcceptAsync();
        await connection.ReadHeadAsync();
        var body = connection.ReadAsync(3);
        while (!body.IsCompleted && time.Waiting < 2)
        {
            await Task.Yield();   // one timer sweeps the pool, the other is the wait
        }
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("abc", await body);
        await connection.WriteAsync(Ok);
        Assert.Equal((200, "ok"), await sending);
    }

    [Fact]
    public async Task A_switch_of_protocols_that_was_asked_for_gives_the_connection_away()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var call = caller.Call();
        call.Upgrade = "websocket";
        var sending = caller.SendAsync(call);
        var connection = await upstream.AcceptAsync();
        Assert.EndsWith("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", await connection.ReadHeadAsync());
        await connection.WriteAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: x=\r\n\r\nfirst");
        var reply = await sending;
        Assert.Equal((101, "WebSocket", "x="), ((int)reply.StatusCode, reply.Fields.Find("Upgrade"), reply.Fields.Find("Sec-WebSocket-Accept")));
        Assert.False(reply.HasBody);
        var duplex = reply.TakeConnection();
        await AssertReadsAsync(duplex.Input, "first");
        await duplex.Output.WriteAsync("hello"u8.ToArray());
        Assert.Equal("hello", await connection.ReadAsync(5));
        await connection.WriteAsync("second");
        await AssertReadsAsync(duplex.Input, "second");
        await duplex.Output.CompleteAsync();
        Assert.Equal("", await connection.ReadAsync(1));
        await connection.WriteAsync("last");
        await AssertReadsAsync(duplex.Input, "last");
        connection.Close();
        Assert.True((await duplex.Input.ReadAsync()).IsCompleted);
        await reply.FinishAsync();
        Assert.Throws<InvalidOperationException>(() => reply.TakeConnection());

        static async Task AssertReadsAsync(PipeReader input, string text)
        {
            var result = await input.ReadAtLeastAsync(text.Length).AsTask().WaitAsync(ScriptedUpstream.Patience);
            Assert.Equal(text, Encoding.ASCII.GetString(result.Buffer.ToArray()));
            input.AdvanceTo(result.Buffer.End);
        }
    }

    [Theory]
    [InlineData("Upgrade: h2c\r\n")]
    [InlineData("Upgrade: websocket, h2c\r\n")]
    [InlineData("Connection: Upgrade\r\n")]
    public async Task A_switch_to_another_protocol_is_refused(string fields)
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 101 Switching Protocols\r\n" + fields + "\r\n");
        using var caller = new Caller(upstream.Url);
        var call = caller.Call();
        call.Upgrade = "websocket";
        Assert.Equal(Failure.UpstreamProtocol, await Caller.FailureOf(() => caller.SendAsync(call)));
    }

    private static async Task AssertUntouchedAsync(UpstreamCall call, PipeWriter body)
    {
        // The owner reads on: if anyone else still read, this would throw, and bytes would be missing.
        while (call.Body!.TryRead(out var rest))
        {
            call.Body.AdvanceTo(rest.Buffer.End);
            if (rest.Buffer.IsEmpty)
            {
                break;
            }
        }
        await body.WriteAsync("mine"u8.ToArray());
        var result = await call.Body.ReadAtLeastAsync(4).AsTask().WaitAsync(ScriptedUpstream.Patience);
        Assert.Equal("mine", Encoding.ASCII.GetString(result.Buffer.ToArray()));
        call.Body.AdvanceTo(result.Buffer.End);
        await call.Body.CompleteAsync();
    }
}
