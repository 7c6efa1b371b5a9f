using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Tests.Server;

/// <summary>Each bound of a listener, gone past.</summary>
public sealed class BoundsTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n";

    private static Task Ok(HttpContext context) => context.Response.WriteAsync("ok");

    [Fact]
    public async Task A_head_within_the_bounds_is_served()
    {
        await using var served = await Served.StartAsync(Ok, new ListenLimitsOptions { HeadSize = 2048, HeadCount = 5, RequestLine = 512 });
        using var client = await served.ConnectAsync();
        await client.SendAsync($"GET /{new string('p', 480)} HTTP/1.1\r\nHost: a\r\nX: {new string('x', 1800)}\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200", (await client.ReadResponseAsync(hasBody: false)).Head, StringComparison.Ordinal);
        Assert.Empty(served.Refused);
    }

    [Theory]
    [InlineData(1, 3000)]
    [InlineData(3, 1000)]
    public async Task A_head_larger_than_its_bound_gets_431(int fields, int size)
    {
        await using var served = await Served.StartAsync(Ok, new ListenLimitsOptions { HeadSize = 2048 });
        using var client = await served.ConnectAsync();
        await client.SendAsync(Get + string.Concat(Enumerable.Range(0, fields).Select(i => $"X{i}: {new string('x', size)}\r\n")) + "\r\n");
        Served.IsProblem(await client.ReadToEndAsync(), 431, "head-too-large");
        Assert.Equal([Failure.HeadTooLarge], served.Refused.Select(r => r.Failure));
    }

    [Fact]
    public async Task A_head_of_more_fields_than_its_bound_gets_431()
    {
        await using var served = await Served.StartAsync(Ok, new ListenLimitsOptions { HeadCount = 5 });
        using var client = await served.ConnectAsync();
        await client.SendAsync(Get + "B: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\n\r\n");
        Served.IsProblem(await client.ReadToEndAsync(), 431, "head-too-large");
    }

    [Fact]
    public async Task A_head_without_an_end_gets_431_before_it_fills_the_memory()
    {
        await using var served = await Served.StartAsync(Ok, new ListenLimitsOptions { HeadSize = 4096 });
        using var client = await served.ConnectAsync();
        await client.SendAsync(Get + "X: " + new string('x', 8192));
        Served.IsProblem(await client.ReadToEndAsync(), 431, "head-too-large");
    }

    [Fact]
    public async Task A_request_line_longer_than_its_bound_gets_414()
    {
        await using var served = await Served.StartAsync(Ok, new ListenLimitsOptions { RequestLine = 512 });
        using var client = await served.ConnectAsync();
        await client.SendAsync($"GET /{new string('p', 512)} HTTP/1.1\r\nHost: a\r\n\r\n");
        Served.IsProblem(await client.ReadToEndAsync(), 414, "target-too-long");
        Assert.Equal([Failure.TargetTooLong], served.Refused.Select(r => r.Failure));
    }

    [Fact]
    public async Task Over_HTTP_2_too_a_head_past_its_bounds_is_refused()
    {
        await using var served = await Served.StartAsync(Ok, new ListenLimitsOptions { HeadSize = 2048, HeadCount = 5, RequestLine = 512 });
        using var many = await Http2Wire.ConnectAsync(served.Url);
        await many.RequestAsync(1, fields: [.. Enumerable.Range(0, 6).Select(i => ($"x{i}", "1"))]);
        await many.UntilAsync(Http2Wire.Headers, 1);
        Assert.Equal([Failure.HeadTooLarge], served.Refused.Select(r => r.Failure));

        using var large = await Http2Wire.ConnectAsync(served.Url);
        await large.RequestAsync(1, fields: [("x1", new string('x', 1500)), ("x2", new string('x', 1500))]);
        await large.UntilAsync(Http2Wire.Headers, 1);
        Assert.Equal([Failure.HeadTooLarge, Failure.HeadTooLarge], served.Refused.Select(r => r.Failure));

        using var longer = await Http2Wire.ConnectAsync(served.Url);
        await longer.RequestAsync(1, "/" + new string('p', 600));
        Assert.Equal(1u, (await longer.UntilAsync(Http2Wire.Reset, 1)).Number());
        await longer.RequestAsync(3);
        Assert.Equal("ok", Encoding.ASCII.GetString((await longer.UntilAsync(Http2Wire.Data, 3)).Payload));
    }

    [Fact]
    public async Task A_head_that_doesnt_come_in_time_gets_408()
    {
        await using var served = await Served.StartAsync(Ok, new ListenLimitsOptions { HeadTimeout = TimeSpan.FromMilliseconds(300) });
        using var client = await served.ConnectAsync();
        await client.SendAsync(Get);
        Served.IsProblem(await client.ReadToEndAsync(), 408, "head-timeout");
        Assert.Equal([Failure.HeadTimeout], served.Refused.Select(r => r.Failure));
    }

    [Theory]
    [InlineData("")]
    [InlineData("PRI * HTTP/2.0")]
    public async Task A_connection_that_says_nothing_in_time_is_closed(string begun)
    {
        await using var served = await Served.StartAsync(Ok, new ListenLimitsOptions { HeadTimeout = TimeSpan.FromMilliseconds(300) });
        using var client = await served.ConnectAsync();
        await client.SendAsync(begun);
        Assert.Equal("", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task Idle_connections_of_either_protocol_are_closed()
    {
        await using var served = await Served.StartAsync(Ok, new ListenLimitsOptions { IdleTimeout = TimeSpan.FromSeconds(1) });
        using var client = await served.ConnectAsync();
        await client.SendAsync(Get + "\r\n");
        await client.ReadHeadAsync();
        using var wire = await Http2Wire.ConnectAsync(served.Url);
        await wire.RequestAsync(1);
        await wire.UntilAsync(Http2Wire.GoAway);
        await wire.ReadToEndAsync();
        Assert.DoesNotContain("HTTP/1.1 ", await client.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connections_past_their_bound_are_closed_at_once_until_one_ends()
    {
        await using var served = await Served.StartAsync(Ok, new ListenLimitsOptions { Connections = 2 });
        using var first = await served.ConnectAsync();
        await first.SendAsync(Get + "\r\n");
        await first.ReadHeadAsync();
        using var second = await Http2Wire.ConnectAsync(served.Url);
        await second.RequestAsync(1);
        await second.UntilAsync(Http2Wire.Data, 1);

        try
        {
            using var third = await served.ConnectAsync();
            Assert.Equal("", await third.ReadToEndAsync());
        }
        catch (System.Net.Sockets.SocketException) // Closed before it had noticed that it was open.
        {
        }
        await served.UntilConnectionsAsync(2);
        Assert.Contains("postern_connections_refused_total{listener=\"http://127.0.0.1:0\"} 1\n", Metrics(served), StringComparison.Ordinal);
        Assert.Contains("postern_connections{listener=\"http://127.0.0.1:0\"} 2\n", Metrics(served), StringComparison.Ordinal);

        second.Dispose();
        await served.UntilConnectionsAsync(1);
        using var fourth = await served.ConnectAsync();
        await fourth.SendAsync(Get + "\r\n");
        Assert.StartsWith("HTTP/1.1 200", await fourth.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Streams_past_their_bound_are_refused_and_the_others_live()
    {
        var release = new TaskCompletionSource();
        await using var served = await Served.StartAsync(async context =>
        {
            await release.Task;
            await Ok(context);
        }, new ListenLimitsOptions { Streams = 3 });
        using var wire = await Http2Wire.ConnectAsync(served.Url);
        var settings = await wire.UntilAsync(Http2Wire.Settings);
        Assert.Contains(Enumerable.Range(0, settings.Payload.Length / 6), i => settings.Payload[i * 6 + 1] == 3 && settings.Number(i * 6 + 2) == 3);
        foreach (var stream in new[] { 1, 3, 5, 7 })
        {
            await wire.RequestAsync(stream);
        }
        // RFC 9113 §7: REFUSED_STREAM, which the client may try again.
        Assert.Equal(7u, (await wire.UntilAsync(Http2Wire.Reset, 7)).Number());
        release.SetResult();
        for (var (ended, text) = (0, ""); ended < 3 || text != "okokok";)
        {
            var frame = await wire.UntilAsync(Http2Wire.Data);
            ended += frame.EndsStream ? 1 : 0;
            text += Encoding.ASCII.GetString(frame.Payload);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Streams_opened_and_reset_in_a_row_end_the_connection(bool handlerSeesIt)
    {
        var begun = 0;
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var served = await Served.StartAsync(async context =>
        {
            Interlocked.Increment(ref begun);
            // One kind of handler ends with the client's reset, so that few streams are open at once; the other lingers.
            await over.Task.WaitAsync(handlerSeesIt ? context.RequestAborted : default);
        }, new ListenLimitsOptions { Streams = 20 });
        using var wire = await Http2Wire.ConnectAsync(served.Url);
        var ended = wire.ReadToEndAsync();
        try
        {
            for (var stream = 1; stream < 20_000 && !ended.IsCompleted; stream += 2)
            {
                await wire.RequestAsync(stream);
                await wire.ResetAsync(stream);
            }
        }
        catch (IOException)
        {
        }
        over.SetResult();
        await ended;
        Assert.InRange(begun, 0, 1000);
    }

    [Fact]
    public async Task A_client_that_cancels_now_and_then_keeps_its_connection()
    {
        await using var served = await Served.StartAsync(async context =>
        {
            if (context.Request.Path == "/slow")
            {
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            }
            await Ok(context);
        }, new ListenLimitsOptions { Streams = 20 });
        using var wire = await Http2Wire.ConnectAsync(served.Url);
        for (var stream = 1; stream < 60; stream += 4)
        {
            await wire.RequestAsync(stream, "/slow");
            await wire.ResetAsync(stream);
            await wire.RequestAsync(stream + 2);
            await wire.UntilAsync(Http2Wire.Data, stream + 2);
        }
    }

    [Fact]
    public async Task An_answer_taken_slower_than_the_minimum_is_given_up()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var served = await Served.StartAsync(async context =>
        {
            using var registration = context.RequestAborted.Register(() => ended.TrySetResult());
            var piece = new byte[64 << 10];
            while (!context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.Body.WriteAsync(piece);
            }
        }, new ListenLimitsOptions { MinRate = 1 << 20 });
        using var client = await served.ConnectAsync();
        await client.SendAsync(Get + "\r\n");
        await client.ReadHeadAsync();
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private static string Metrics(Served served)
    {
        var text = new System.Buffers.ArrayBufferWriter<byte>();
        PrometheusText.Write(served.Metrics, text);
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }
}
