using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>A side that leaves takes the other with it. Alone, because time is measured.</summary>
[Collection(nameof(Alone))]
public sealed class DisconnectTests
{
    private static readonly TimeSpan AtOnce = TimeSpan.FromMilliseconds(100);

    public static TheoryData<int, string> Moments => new()
    {
        { 1, "head" }, { 1, "answer" }, { 1, "body" }, { 2, "head" }, { 2, "answer" }, { 2, "body" },
    };

    [Theory, MemberData(nameof(Moments))]
    public async Task A_client_that_leaves_cancels_its_call_at_once(int version, string moment)
    {
        var arrived = new TaskCompletionSource();
        var gone = new TaskCompletionSource<long>();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            if (moment == "body")
            {
                await connection.ReadUntilAsync("begun");
            }
            if (moment == "answer")
            {
                await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome");
            }
            arrived.TrySetResult();
            await connection.DrainAsync();
            gone.TrySetResult(Stopwatch.GetTimestamp());
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        // The first call pays for what is compiled late.
        for (var round = 0; round < 2; round++)
        {
            (arrived, gone) = (new(), new());
            var leave = await (version == 1 ? BeginAsync(gateway, moment) : BeginHttp2Async(gateway, moment));
            await arrived.Task.WaitAsync(TestGateway.Patience);
            var left = Stopwatch.GetTimestamp();
            leave();
            var took = Stopwatch.GetElapsedTime(left, await gone.Task.WaitAsync(TestGateway.Patience));
            if (round > 0)
            {
                Assert.InRange(took, TimeSpan.Zero, AtOnce);
            }
        }
        var line = (await gateway.LogAsync(2))[1];
        Assert.Equal("client-gone", line.GetProperty("failure").GetString());
        Assert.Equal(moment == "answer" ? 200 : 499, line.GetProperty("status").GetInt32());
    }

    private static async Task<Action> BeginAsync(TestGateway gateway, string moment)
    {
        var client = await gateway.ConnectAsync();
        await client.SendAsync($"{(moment == "body" ? "POST" : "GET")} / HTTP/1.1\r\nHost: a\r\n{(moment == "body" ? "Content-Length: 10\r\n\r\nbegun" : "\r\n")}");
        if (moment == "answer")
        {
            await client.ReadUntilAsync("some");
        }
        return client.Dispose;
    }

    private static async Task<Action> BeginHttp2Async(TestGateway gateway, string moment)
    {
        var leaving = new CancellationTokenSource();
        var client = gateway.Client(HttpVersion.Version20);
        var body = moment != "body" ? null : new StreamedContent(async stream =>
        {
            await stream.WriteAsync("begun"u8.ToArray());
            await stream.FlushAsync();
            await Task.Delay(Timeout.Infinite, leaving.Token);
        });
        var answering = client.SendAsync(body is null ? "GET" : "POST", "/", body, leaving.Token);
        if (moment == "answer")
        {
            return (await answering).Dispose;
        }
        return leaving.Cancel;
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_raw_client_that_closes_or_resets_cancels_its_call(bool reset)
    {
        var arrived = new TaskCompletionSource();
        var gone = new TaskCompletionSource();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            arrived.TrySetResult();
            await connection.DrainAsync();
            gone.TrySetResult();
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
        await arrived.Task.WaitAsync(TestGateway.Patience);
        if (reset)
        {
            client.Reset();
        }
        else
        {
            client.Dispose();
        }
        await gone.Task.WaitAsync(TestGateway.Patience);
        Assert.Equal("client-gone", (await gateway.LogAsync(1))[0].GetProperty("failure").GetString());
    }

    [Fact]
    public async Task A_client_that_leaves_cancels_its_call_to_an_HTTP_2_upstream()
    {
        var arrived = new TaskCompletionSource();
        var gone = new TaskCompletionSource();
        await using var upstream = await KestrelUpstream.StartAsync(http2: true, async context =>
        {
            context.RequestAborted.Register(() => gone.TrySetResult());
            await context.Response.Body.FlushAsync();
            arrived.TrySetResult();
            await gone.Task;
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await arrived.Task.WaitAsync(TestGateway.Patience);
        client.Dispose();
        await gone.Task.WaitAsync(TestGateway.Patience);
    }

    public static TheoryData<string, bool> Broken => new()
    {
        { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", false },
        { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", true },
        { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", false },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", false },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", true },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf", false },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n", false },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX-T: 1\r\n", false },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf5\r\nmore!\r\n0\r\n\r\n", false },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n-1\r\n\r\n", false },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nfffffffffffffffff\r\n\r\n", false },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0x0\r\n\r\n", false },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX-T: \0\r\n\r\n", false },
        { "HTTP/1.1 200 OK\r\n\r\nhalf", true },
    };

    [Theory, MemberData(nameof(Broken))]
    public async Task Half_an_answer_never_looks_whole(string bytes, bool reset)
    {
        var seen = new TaskCompletionSource();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync(bytes);
            // A reset takes with it what was not read yet.
            if (reset)
            {
                await seen.Task;
                connection.Reset();
            }
            else
            {
                connection.EndSending();
                await connection.DrainAsync();
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        if (reset)
        {
            await client.ReadUntilAsync("half");
            seen.TrySetResult();
        }
        // What was not read yet may go with the connection.
        var rest = await client.ReadToEndAsync();
        Assert.DoesNotContain("\n0\r\n", rest);
        Assert.DoesNotContain("problem", rest);
        Assert.DoesNotContain("Content-Length: 4\r\n", rest);
        var line = (await gateway.LogAsync(1))[0];
        Assert.True("upstream-broken" == line.GetProperty("failure").GetString(), line.ToString());

        seen = new();
        using var http2 = gateway.Client(HttpVersion.Version20);
        using var answer = await http2.SendAsync("GET", "/");
        seen.TrySetResult();
        await Assert.ThrowsAnyAsync<Exception>(() => answer.Content.ReadAsByteArrayAsync());
    }

    [Theory, InlineData(1), InlineData(2)]
    public async Task A_broken_stream_of_an_HTTP_2_upstream_never_looks_whole(int version)
    {
        var seen = new TaskCompletionSource();
        await using var upstream = await KestrelUpstream.StartAsync(http2: true, async context =>
        {
            await context.Response.WriteAsync("half");
            await context.Response.Body.FlushAsync();
            await seen.Task;
            context.Abort();
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(version == 2 ? HttpVersion.Version20 : null);
        using var answer = await client.SendAsync("GET", "/");
        Assert.Equal(200, (int)answer.StatusCode);
        seen.TrySetResult();
        await Assert.ThrowsAnyAsync<Exception>(() => answer.Content.ReadAsByteArrayAsync());
        Assert.Equal("upstream-broken", (await gateway.LogAsync(1))[0].GetProperty("failure").GetString());
    }

    [Theory, InlineData("GET"), InlineData("POST")]
    public async Task A_pooled_connection_that_was_just_closed_is_nobodys_failure(string method)
    {
        var closed = System.Threading.Channels.Channel.CreateUnbounded<bool>();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            connection.Close();
            closed.Writer.TryWrite(true);
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        for (var i = 0; i < 100; i++)
        {
            await client.SendAsync($"{method} / HTTP/1.1\r\nHost: a\r\n{(method == "POST" ? "Content-Length: 4\r\n\r\nbody" : "\r\n")}");
            Assert.Equal((200, "ok"), ((await client.ReadAnswerAsync()) is { } answer ? answer.Status : 0, "ok"));
            await closed.Reader.ReadAsync().AsTask().WaitAsync(TestGateway.Patience);
        }
        Assert.Equal(100, upstream.Accepted);
    }
}

/// <summary>Tests that measure time or memory: nothing else runs beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
