using System.Diagnostics;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>Bodies pass piece by piece, as they come, in the memory of a piece.</summary>
[Collection(nameof(Alone))]
public sealed class StreamingTests
{
    private const long Long = 512L << 20;
    private const long Grown = 64L << 20;

    public static TheoryData<int, int> Versions => MatrixTests.Versions;

    private static Version In(int version) => version == 2 ? HttpVersion.Version20 : HttpVersion.Version11;

    [Theory, MemberData(nameof(Versions))]
    public async Task Events_arrive_one_by_one(int @in, int @out)
    {
        var seen = Channel.CreateUnbounded<int>();
        await using var upstream = await KestrelUpstream.StartAsync(@out == 2, async context =>
        {
            context.Response.ContentType = "text/event-stream";
            for (var i = 0; i < 10; i++)
            {
                await context.Response.WriteAsync($"id: {i}\ndata: {new string('d', i * 500)}\n\n");
                await context.Response.Body.FlushAsync();
                Assert.Equal(i, await seen.Reader.ReadAsync().AsTask().WaitAsync(TestGateway.Patience));
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(In(@in));
        using var answer = await client.SendAsync("GET", "/events");
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal($"id: {i}", await reader.ReadLineAsync().WaitAsync(TestGateway.Patience));
            Assert.Equal(6 + i * 500, (await reader.ReadLineAsync().WaitAsync(TestGateway.Patience))!.Length);
            Assert.Equal("", await reader.ReadLineAsync().WaitAsync(TestGateway.Patience));
            seen.Writer.TryWrite(i);
        }
        Assert.Null(await reader.ReadLineAsync().WaitAsync(TestGateway.Patience));
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_head_arrives_before_its_body_begins(int @in, int @out)
    {
        var seen = new TaskCompletionSource();
        await using var upstream = await KestrelUpstream.StartAsync(@out == 2, async context =>
        {
            await context.Response.Body.FlushAsync();
            await seen.Task.WaitAsync(TestGateway.Patience);
            await context.Response.WriteAsync("late");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(In(@in));
        using var answer = await client.SendAsync("GET", "/").WaitAsync(TestGateway.Patience);
        seen.SetResult();
        Assert.Equal("late", await answer.Content.ReadAsStringAsync());
    }

    [Theory, InlineData(1), InlineData(2)]
    public async Task A_body_goes_out_as_it_comes_and_the_answer_comes_meanwhile(int @out)
    {
        await using var upstream = await StartEchoAsync(@out);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        Assert.Contains("Transfer-Encoding: chunked", await client.ReadHeadAsync());
        foreach (var piece in new[] { "ab", "cd", "ef" })
        {
            await client.SendAsync($"2\r\n{piece}\r\n");
            Assert.Equal($"2\r\n{piece}\r\n", await client.ReadAsync(7));
        }
        await client.SendAsync("0\r\n\r\n");
        Assert.Equal("0\r\n\r\n", await client.ReadAsync(5));
    }

    [Theory, InlineData(1), InlineData(2)]
    public async Task The_same_holds_for_HTTP_2(int @out)
    {
        await using var upstream = await StartEchoAsync(@out);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(HttpVersion.Version20);
        var turn = Channel.CreateUnbounded<string>();
        using var answer = await client.SendAsync("POST", "/", new StreamedContent(async stream =>
        {
            await stream.FlushAsync();
            await foreach (var piece in turn.Reader.ReadAllAsync())
            {
                await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(piece));
                await stream.FlushAsync();
            }
        })).WaitAsync(TestGateway.Patience);
        var body = await answer.Content.ReadAsStreamAsync();
        var echo = new byte[2];
        foreach (var piece in new[] { "ab", "cd", "ef" })
        {
            turn.Writer.TryWrite(piece);
            await body.ReadExactlyAsync(echo).AsTask().WaitAsync(TestGateway.Patience);
            Assert.Equal(piece, System.Text.Encoding.ASCII.GetString(echo));
        }
        turn.Writer.Complete();
        Assert.Equal(0, await body.ReadAsync(echo).AsTask().WaitAsync(TestGateway.Patience));
    }

    private static Task<KestrelUpstream> StartEchoAsync(int version) => KestrelUpstream.StartAsync(version == 2, async context =>
    {
        await context.Response.Body.FlushAsync();
        var buffer = new byte[100];
        while (await context.Request.Body.ReadAsync(buffer) is > 0 and var read)
        {
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, read));
            await context.Response.Body.FlushAsync();
        }
    });

    [Fact]
    public async Task An_early_answer_reaches_a_client_that_is_still_sending()
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
            connection.EndSending();
            await connection.DrainAsync();
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst");
        var answer = await client.ReadAnswerAsync();
        Assert.Equal((401, "no"), (answer.Status, answer.Body));
    }

    [Theory]
    [InlineData(1, 1, true), InlineData(1, 1, false), InlineData(2, 2, true), InlineData(2, 2, false), InlineData(1, 2, false), InlineData(2, 1, false)]
    public async Task Half_a_gigabyte_goes_up_and_down_in_little_memory(int @in, int @out, bool known)
    {
        var piece = new byte[64 << 10];
        await using var upstream = await KestrelUpstream.StartAsync(@out == 2, async context =>
        {
            if (HttpMethods.IsPost(context.Request.Method))
            {
                var buffer = new byte[64 << 10];
                long count = 0;
                while (await context.Request.Body.ReadAsync(buffer) is > 0 and var read)
                {
                    count += read;
                }
                await context.Response.WriteAsync($"{count}");
                return;
            }
            context.Response.ContentLength = known ? Long : null;
            for (long sent = 0; sent < Long; sent += piece.Length)
            {
                await context.Response.Body.WriteAsync(piece);
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options, "maxBody: off");
        using var client = gateway.Client(In(@in));
        client.Timeout = TimeSpan.FromMinutes(2);
        GC.Collect();
        var before = Process.GetCurrentProcess().WorkingSet64;
        var heap = GC.GetTotalMemory(forceFullCollection: true);

        using var down = await client.SendAsync("GET", "/");
        var body = await down.Content.ReadAsStreamAsync();
        long received = 0;
        var into = new byte[64 << 10];
        while (await body.ReadAsync(into) is > 0 and var read)
        {
            received += read;
        }
        Assert.Equal(Long, received);

        HttpContent content = new StreamedContent(async stream =>
        {
            for (long sent = 0; sent < Long; sent += piece.Length)
            {
                await stream.WriteAsync(piece);
            }
        });
        if (known)
        {
            content.Headers.ContentLength = Long;
        }
        using var up = await client.SendAsync("POST", "/", content);
        Assert.Equal($"{Long}", await up.Content.ReadAsStringAsync());

        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - heap, long.MinValue, Grown);
        Assert.InRange(Process.GetCurrentProcess().WorkingSet64 - before, long.MinValue, Grown);
    }

    [Theory, InlineData(1), InlineData(2)]
    public async Task A_client_that_does_not_read_holds_the_upstream_back(int @out)
    {
        long sent = 0;
        await using var upstream = await KestrelUpstream.StartAsync(@out == 2, async context =>
        {
            var piece = new byte[64 << 10];
            while (context.Request.Path == "/endless" && !context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.Body.WriteAsync(piece, context.RequestAborted);
                Interlocked.Add(ref sent, piece.Length);
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
        await client.ReadHeadAsync();
        // While a hundred others come and go nothing more is taken from the upstream.
        using var others = await gateway.ConnectAsync();
        for (long before = -1; before != Interlocked.Read(ref sent);)
        {
            before = Interlocked.Read(ref sent);
            Assert.InRange(before, 0, 32 << 20);
            for (var i = 0; i < 100; i++)
            {
                await others.SendAsync("GET /short HTTP/1.1\r\nHost: a\r\n\r\n");
                Assert.Equal(200, (await others.ReadAnswerAsync()).Status);
            }
        }
    }
}
