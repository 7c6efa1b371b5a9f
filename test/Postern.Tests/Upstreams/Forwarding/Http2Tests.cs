using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Postern.Pipeline;
using Postern.Tests.Harness;
using Postern.Upstreams.Forwarding;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace Postern.Tests.Upstreams.Forwarding;

/// <summary>Calls over HTTP/2 to a real server.</summary>
public sealed class Http2Tests
{
    private static async Task<(WebApplication App, Caller Caller)> ServeAsync(RequestDelegate answer, TimeSpan? connectTimeout = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.RequestHeaderEncodingSelector = _ => Encoding.Latin1;
            kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
            kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        var app = builder.Build();
        app.Run(answer);
        await app.StartAsync();
        return (app, new Caller(app.Urls.First(), UpstreamProtocol.Http2, connectTimeout: connectTimeout));
    }

    [Fact]
    public async Task A_call_arrives_as_it_was_written()
    {
        var (app, caller) = await ServeAsync(async context =>
        {
            var request = context.Request;
            var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
            context.Response.Headers["X-Back"] = request.Headers["X-E"];
            context.Response.StatusCode = 202;
            await context.Response.WriteAsync($"{request.Protocol} {request.Method} {target} {request.Host} te={request.Headers.TE} ct={request.ContentType} cl={request.ContentLength} {await new StreamReader(request.Body).ReadToEndAsync()}");
        });
        await using var _ = app;
        using var __ = caller;
        var call = caller.Call("PUT", "/a%2Fb/../c?x=%c3%a9&y=[1]", "content");
        call.Host = "shop.example";
        call.Fields.Add("te", "trailers");
        call.Fields.Add("Content-Type", "text/plain");
        call.Fields.Add("X-E", "caf\u00e9");
        call.Fields.Add("Connection", "x");
        var reply = await caller.SendAsync(call);
        Assert.Equal((202, "caf\u00e9"), ((int)reply.StatusCode, reply.Fields.Find("X-Back")));
        Assert.Equal("HTTP/2 PUT /a%2Fb/../c?x=%c3%a9&y=[1] shop.example te=trailers ct=text/plain cl=7 content", await Caller.TextAsync(reply));
        Assert.Null(reply.Trailers);
        await reply.FinishAsync();
        var (status, text) = await caller.GetAsync();
        Assert.Equal((202, $"HTTP/2 GET / {caller.Destination.Name} te= ct= cl= "), (status, text));
    }

    [Fact]
    public async Task Messages_go_both_ways_at_once_and_trailers_follow()
    {
        var (app, caller) = await ServeAsync(async context =>
        {
            context.Response.ContentType = "application/grpc";
            await context.Response.Body.FlushAsync();
            while (await context.Request.BodyReader.ReadAsync() is var read && (!read.IsCompleted || read.Buffer.Length > 0))
            {
                foreach (var segment in read.Buffer)
                {
                    await context.Response.BodyWriter.WriteAsync(segment);
                }
                context.Request.BodyReader.AdvanceTo(read.Buffer.End);
            }
            context.Response.AppendTrailer("grpc-status", "0");
            context.Response.AppendTrailer("grpc-message", "fine");
        });
        await using var _ = app;
        using var __ = caller;
        var pipe = new Pipe();
        var call = caller.Call("POST");
        call.Body = pipe.Reader;
        var reply = await caller.SendAsync(call);   // before a byte of the body was written
        for (var i = 0; i < 5; i++)
        {
            await pipe.Writer.WriteAsync("ping"u8.ToArray());
            Assert.Equal("ping", Encoding.ASCII.GetString((await reply.ReadAsync().AsTask().WaitAsync(ScriptedUpstream.Patience)).Span));
        }
        await pipe.Writer.CompleteAsync();
        Assert.Equal(0, (await reply.ReadAsync()).Length);
        Assert.Equal((2, "0", "fine"), (reply.Trailers!.Count, reply.Trailers.Find("grpc-status"), reply.Trailers.Find("grpc-message")));
        await reply.FinishAsync();
    }

    [Fact]
    public async Task Some_answers_have_no_body()
    {
        var (app, caller) = await ServeAsync(context =>
        {
            context.Response.StatusCode = context.Request.Path == "/204" ? 204 : 200;
            context.Response.ContentLength = context.Request.Method == "HEAD" ? 5 : null;
            return Task.CompletedTask;
        });
        await using var _ = app;
        using var __ = caller;
        var none = await caller.SendAsync(caller.Call(target: "/204"));
        Assert.Equal((false, null), (none.HasBody, none.Length));
        await none.FinishAsync();
        var head = await caller.SendAsync(caller.Call("HEAD"));
        Assert.Equal((false, 5L), (head.HasBody, head.Length));
        await head.FinishAsync();
    }

    [Fact]
    public async Task A_stream_reset_before_the_head_is_gone_and_within_the_body_broken()
    {
        var (app, caller) = await ServeAsync(async context =>
        {
            if (context.Request.Path == "/body")
            {
                await context.Response.WriteAsync("half");
                await context.Response.Body.FlushAsync();
            }
            context.Abort();
        });
        await using var _ = app;
        using var __ = caller;
        Assert.Equal(Failure.UpstreamGone, await Caller.FailureOf(() => caller.GetAsync()));
        Assert.Equal(Failure.UpstreamBroken, await Caller.FailureOf(() => caller.GetAsync(caller.Call(target: "/body"))));
    }

    [Fact]
    public async Task Where_nobody_listens_or_nobody_speaks_it_the_call_fails()
    {
        string url;
        await using (var gone = new ScriptedUpstream())
        {
            url = gone.Url;
        }
        using var nobody = new Caller(url, UpstreamProtocol.Http2);
        Assert.Equal(Failure.UpstreamUnreachable, await Caller.FailureOf(() => nobody.GetAsync()));
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            await connection.DrainAsync();
        });
        using var other = new Caller(upstream.Url, UpstreamProtocol.Http2);
        // Whether the client still sees the bytes or already the closing that follows them is a matter of timing.
        Assert.Contains(await Caller.FailureOf(() => other.GetAsync()), new[] { Failure.UpstreamProtocol, Failure.UpstreamGone });
    }

    [Fact]
    public async Task Cancelling_resets_the_stream()
    {
        var aborted = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        var (app, caller) = await ServeAsync(async context =>
        {
            context.RequestAborted.Register(() => aborted.TrySetResult());
            arrived.TrySetResult();
            await aborted.Task.WaitAsync(ScriptedUpstream.Patience);
        });
        await using var _ = app;
        using var __ = caller;
        using var cancel = new CancellationTokenSource();
        var sending = caller.SendAsync(caller.Call(), cancel.Token);
        await arrived.Task.WaitAsync(ScriptedUpstream.Patience);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        await aborted.Task.WaitAsync(ScriptedUpstream.Patience);
    }

    [Fact]
    public async Task Once_the_reply_is_finished_the_body_is_touched_no_more()
    {
        var (app, caller) = await ServeAsync(context => context.Response.WriteAsync("early"));
        await using var _ = app;
        using var __ = caller;
        for (var i = 0; i < 20; i++)
        {
            var pipe = new Pipe();
            var call = caller.Call("POST");
            call.Body = pipe.Reader;
            await pipe.Writer.WriteAsync("some"u8.ToArray());
            var reply = await caller.SendAsync(call);
            Assert.Equal("early", await Caller.TextAsync(reply));
            await reply.FinishAsync().AsTask().WaitAsync(ScriptedUpstream.Patience);
            await pipe.Writer.WriteAsync("mine"u8.ToArray());
            var rest = await call.Body.ReadAtLeastAsync(4);
            call.Body.AdvanceTo(rest.Buffer.End);
            await call.Body.CompleteAsync();
        }
    }

    [Fact]
    public async Task What_fails_on_the_clients_side_is_thrown_as_it_is()
    {
        var (app, caller) = await ServeAsync(context => context.Request.Body.CopyToAsync(Stream.Null));
        await using var _ = app;
        using var __ = caller;
        var pipe = new Pipe();
        var call = caller.Call("POST");
        call.Body = pipe.Reader;
        var sending = caller.SendAsync(call);
        await pipe.Writer.WriteAsync("some"u8.ToArray());
        var error = new BadHttpRequestException("too large", 413);
        await pipe.Writer.CompleteAsync(error);
        Assert.Same(error, await Assert.ThrowsAsync<BadHttpRequestException>(() => sending));
        var tooShort = caller.Call("POST", body: "abc");
        tooShort.BodyLength = 5;
        await Assert.ThrowsAsync<BadHttpRequestException>(() => caller.SendAsync(tooShort));
    }

    [Theory]
    [InlineData("/a\r\nb", "X", "y")]
    [InlineData("/", "X", "y\0")]
    [InlineData("/", "X y", "z")]
    public async Task What_would_break_the_message_is_never_sent(string target, string name, string value)
    {
        using var caller = new Caller("http://127.0.0.1:9", UpstreamProtocol.Http2);
        var call = caller.Call(target: target);
        call.Fields.Add(name, value);
        Assert.Equal(Failure.BadRequest, await Caller.FailureOf(() => caller.GetAsync(call)));
    }

    [Fact]
    public async Task A_retired_destination_serves_on()
    {
        var (app, caller) = await ServeAsync(context => context.Response.WriteAsync("ok"));
        await using var _ = app;
        var busy = await caller.SendAsync(caller.Call());
        caller.Dispose();
        Assert.Equal("ok", await Caller.TextAsync(busy));
        Assert.Equal((200, "ok"), await caller.GetAsync());
        await busy.FinishAsync();
        Assert.Equal((200, "ok"), await caller.GetAsync());
    }

    [Fact]
    public async Task A_long_body_streams_both_ways()
    {
        var (app, caller) = await ServeAsync(async context =>
        {
            context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = null;
            context.Response.ContentLength = context.Request.ContentLength;
            await context.Request.Body.CopyToAsync(context.Response.Body);
        });
        await using var _ = app;
        using var __ = caller;
        const int size = 20_000_000;
        var call = caller.Call("POST");
        (call.Body, call.BodyLength) = (PipeReader.Create(new MemoryStream(new byte[size])), size);
        var reply = await caller.SendAsync(call);
        var received = 0;
        while (await reply.ReadAsync() is { Length: > 0 } piece)
        {
            received += piece.Length;
        }
        await reply.FinishAsync();
        Assert.Equal(size, received);
    }
}
