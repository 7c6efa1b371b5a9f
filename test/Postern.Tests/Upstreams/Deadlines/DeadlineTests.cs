using System.Diagnostics;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams.Deadlines;

/// <summary>Upstreams that are late, or fall silent.</summary>
public sealed class DeadlineTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    [Fact]
    public async Task The_connection_of_a_call_that_timed_out_is_not_used_again()
    {
        var ended = new List<long>();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            var head = await connection.ReadHeadAsync();
            if (head.StartsWith("GET /late", StringComparison.Ordinal))
            {
                ended.Add(await connection.DrainAsync());
                return;
            }
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            head = await connection.ReadHeadAsync();
            Assert.StartsWith("GET /late", head, StringComparison.Ordinal);
            ended.Add(await connection.DrainAsync());
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "timeout: 100ms");
        using var client = gateway.Client();
        foreach (var (path, status, connections) in new[] { ("/", 200, 1), ("/late", 504, 1), ("/", 200, 2), ("/late", 504, 2), ("/late", 504, 3) })
        {
            using var answer = await client.GetAsync(path);
            Assert.Equal((status, connections), ((int)answer.StatusCode, upstream.Accepted));
        }
        Assert.Contains("postern_upstream_timeouts_total{upstream=\"up\",kind=\"call\"} 3\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_single_try_may_be_given_less_time_than_the_call()
    {
        await using var upstream = ScriptedUpstream.Serving(connection => connection.DrainAsync());
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "timeout: 20s, tryTimeout: 100ms");
        using var client = gateway.Client();
        var clock = Stopwatch.StartNew();
        using var answer = await client.GetAsync("/");
        Assert.Equal(504, (int)answer.StatusCode);
        Assert.InRange(clock.Elapsed, TimeSpan.FromMilliseconds(90), TimeSpan.FromSeconds(10));
        Assert.Contains("upstream-timeout", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("postern_upstream_timeouts_total{upstream=\"up\",kind=\"try\"} 1\n", gateway.Metrics(), StringComparison.Ordinal);
        Assert.Contains("tryTimeout of 100ms", (await gateway.LogAsync(1))[0].GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task A_try_that_is_too_slow_is_made_up_for_by_another(bool http2)
    {
        await using var hangs = await KestrelUpstream.StartAsync(http2, context => Task.Delay(Timeout.Infinite, context.RequestAborted));
        await using var answers = await KestrelUpstream.StartAsync(http2, async context => await context.Response.WriteAsync(await new StreamReader(context.Request.Body).ReadToEndAsync()));
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              up: { urls: [{{hangs.Url}}, {{answers.Url}}], balance: roundRobin, {{answers.Options}}, timeout: 20s, tryTimeout: 1s, retry: { minPerSecond: 100 } }
            gates:
              web: { identity: off, routes: [{ any: "/", to: http://up }] }
            """);
        using var client = gateway.Client();
        for (var i = 0; i < 2; i++)
        {
            using var answer = await client.PutAsync("/", new StringContent("content"));
            Assert.Equal((200, "content"), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        }
        Assert.Contains("postern_upstream_retries_total{upstream=\"up\",reason=\"timeout\"}", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_tries_together_have_no_more_time_than_the_call()
    {
        await using var upstream = ScriptedUpstream.Serving(connection => connection.DrainAsync());
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "timeout: 2500ms, tryTimeout: 1s, retry: { attempts: 10, minPerSecond: 100, backoff: 1ms }");
        using var client = gateway.Client();
        var clock = Stopwatch.StartNew();
        using var answer = await client.PutAsync("/", new StringContent("a body counts but once, however often it is sent"));
        Assert.Equal(504, (int)answer.StatusCode);
        Assert.InRange(clock.Elapsed, TimeSpan.FromMilliseconds(2490), TimeSpan.FromSeconds(8));
        Assert.InRange((await gateway.LogAsync(1))[0].GetProperty("attempts").GetInt32(), 2, 3);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "half"), InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "4\r\nhalf\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "\r\n\r\n")]
    public async Task An_answer_that_falls_silent_is_cut(string answer, string received)
    {
        var ended = new TaskCompletionSource<long>();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync(answer);
            ended.SetResult(await connection.DrainAsync());
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "idleTimeout: 150ms");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.EndsWith(received, await client.ReadToEndAsync(), StringComparison.Ordinal);
        await ended.Task.WaitAsync(TestGateway.Patience);
        var line = (await gateway.LogAsync(1))[0];
        Assert.Equal((200, "upstream-timeout"), (line.GetProperty("status").GetInt32(), line.GetProperty("failure").GetString()));
        Assert.Contains("idleTimeout", line.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Contains("postern_upstream_timeouts_total{upstream=\"up\",kind=\"idle\"} 1\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stream_that_falls_silent_over_HTTP2_is_reset()
    {
        var aborted = new TaskCompletionSource();
        await using var upstream = await KestrelUpstream.StartAsync(http2: true, async context =>
        {
            context.RequestAborted.Register(() => aborted.TrySetResult());
            await context.Response.WriteAsync("half");
            await context.Response.Body.FlushAsync();
            await aborted.Task;
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "protocol: http2, idleTimeout: 150ms");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Contains("half", await client.ReadToEndAsync(), StringComparison.Ordinal);
        await aborted.Task.WaitAsync(TestGateway.Patience);
        Assert.Equal("upstream-timeout", (await gateway.LogAsync(1))[0].GetProperty("failure").GetString());
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task A_stream_lives_as_long_as_bytes_flow(bool http2)
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2, async context =>
        {
            context.Response.ContentType = "text/event-stream";
            using var timer = new PeriodicTimer(Pause);
            for (var i = 0; i < 20; i++)
            {
                await context.Response.WriteAsync($"data: {i}\n\n");
                await context.Response.Body.FlushAsync();
                await timer.WaitForNextTickAsync();
            }
        });
        // Longer than either by far.
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, $"{upstream.Options}, idleTimeout: 400ms, timeout: 300ms, tryTimeout: 200ms");
        using var client = gateway.Client();
        Assert.EndsWith("data: 19\n\n", await client.GetStringAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_upload_keeps_a_stream_alive_too()
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            await context.Response.StartAsync();
            await context.Request.Body.CopyToAsync(Stream.Null);
            await context.Response.WriteAsync("done");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "idleTimeout: 400ms");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        using var timer = new PeriodicTimer(Pause);
        for (var i = 0; i < 20; i++)
        {
            await client.SendAsync("1\r\nx\r\n");
            await timer.WaitForNextTickAsync();
        }
        await client.SendAsync("0\r\n\r\n");
        Assert.Equal("done", (await client.ReadAnswerAsync()).Body);
    }

    [Theory]
    [InlineData(false, "Content-Length: 100", "408", "body-too-slow"), InlineData(true, "Content-Length: 100", "408", "body-too-slow")]
    [InlineData(false, "Transfer-Encoding: chunked", "504", "upstream-timeout"), InlineData(true, "Transfer-Encoding: chunked", "504", "upstream-timeout")]
    public async Task A_client_that_does_not_go_on_with_its_body_takes_the_upstream_from_nobody(bool http2, string length, string status, string failure)
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2, async context => await context.Request.Body.CopyToAsync(Stream.Null));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, $"{upstream.Options}, timeout: 300ms, tryTimeout: 150ms, retry: 3, breaker: 1");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync($"PUT / HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n3\r\nabc\r\n");
        Assert.StartsWith($"HTTP/1.1 {status}", (await client.ReadAnswerAsync()).Head, StringComparison.Ordinal);
        var line = (await gateway.LogAsync(1))[0];
        Assert.Equal(failure, line.GetProperty("failure").GetString());
        Assert.Contains("the client", line.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.False(line.TryGetProperty("attempts", out _));
        using var other = gateway.Client();
        Assert.Equal(200, (int)(await other.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task A_client_that_takes_its_time_is_not_the_upstreams_silence()
    {
        const int Length = 32 * 1024 * 1024;
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            context.Response.ContentLength = Length;
            await context.Response.Body.WriteAsync(new byte[Length]);
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "idleTimeout: 100ms");
        using var client = gateway.Client();
        using var answer = await client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
        await timer.WaitForNextTickAsync();
        Assert.Equal(Length, (await answer.Content.ReadAsByteArrayAsync()).Length);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task A_WebSocket_that_falls_silent_is_ended_and_one_that_talks_is_not(bool talks)
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext { KeepAliveInterval = Timeout.InfiniteTimeSpan });
            var buffer = new byte[10];
            while (socket.State == WebSocketState.Open && await ReceiveAsync(socket, buffer) is { } got)
            {
                await socket.SendAsync(buffer.AsMemory(0, got), WebSocketMessageType.Binary, true, default);
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "idleTimeout: 300ms");
        using var client = new ClientWebSocket();
        client.Options.KeepAliveInterval = Timeout.InfiniteTimeSpan;
        await client.ConnectAsync(new Uri(gateway.Url.Replace("http", "ws", StringComparison.Ordinal)), default).WaitAsync(TestGateway.Patience);
        using var timer = new PeriodicTimer(Pause);
        var answer = new byte[10];
        for (var i = 0; i < (talks ? 20 : 1); i++)
        {
            await client.SendAsync(new byte[] { 1 }, WebSocketMessageType.Binary, true, default);
            Assert.Equal(1, await ReceiveAsync(client, answer));
            await timer.WaitForNextTickAsync();
        }
        Assert.Null(await ReceiveAsync(client, answer));
        Assert.Equal("upstream-timeout", (await gateway.LogAsync(1))[0].GetProperty("failure").GetString());
    }

    /// <summary>The length of the next message; null where the other side is gone.</summary>
    private static async Task<int?> ReceiveAsync(WebSocket socket, byte[] buffer)
    {
        try
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), default).AsTask().WaitAsync(TestGateway.Patience);
            return received.MessageType == WebSocketMessageType.Close ? null : received.Count;
        }
        catch (WebSocketException)
        {
            return null;
        }
    }
}
