using System.Buffers.Binary;
using System.Net;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>gRPC through the gateway: messages framed by hand, over HTTP/2 on both sides.</summary>
public sealed class GrpcTests
{
    [Fact]
    public async Task A_unary_call_brings_its_message_and_its_status()
    {
        await using var upstream = await StartAsync(async context =>
        {
            Assert.Equal("application/grpc", context.Request.ContentType);
            Assert.Equal("trailers", context.Request.Headers.TE);
            Assert.Equal("/shop.Inventory/GetStock", context.Request.Path);
            Assert.Equal("3S", context.Request.Headers["grpc-timeout"]);
            var asked = await ReadAsync(context.Request.Body);
            Assert.Null(await ReadAsync(context.Request.Body));
            await WriteAsync(context.Response.Body, $"stock of {asked}");
            context.Response.AppendTrailer("grpc-status", "0");
            context.Response.AppendTrailer("grpc-message", "%C3%A9");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(HttpVersion.Version20);
        var call = Call(client, "/shop.Inventory/GetStock", stream => WriteAsync(stream, "apples"));
        call.Headers.Add("grpc-timeout", "3S");
        using var answer = await client.SendAsync(call);
        Assert.Equal("application/grpc", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal("stock of apples", await ReadAsync(await answer.Content.ReadAsStreamAsync()));
        Assert.Equal("0", answer.TrailingHeaders.GetValues("grpc-status").Single());
        Assert.Equal("%C3%A9", answer.TrailingHeaders.GetValues("grpc-message").Single());
    }

    [Fact]
    public async Task A_call_that_fails_at_once_answers_with_trailers_alone()
    {
        await using var upstream = await StartAsync(context =>
        {
            context.Response.Headers["grpc-status"] = "5";
            context.Response.Headers["grpc-message"] = "no such thing";
            return Task.CompletedTask;
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(HttpVersion.Version20);
        using var answer = await client.SendAsync(Call(client, "/a/B", stream => WriteAsync(stream, "x")));
        Assert.Equal("5", answer.Headers.GetValues("grpc-status").Single());
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
        Assert.Empty(answer.TrailingHeaders);
    }

    [Fact]
    public async Task A_client_streams_and_gets_one_answer()
    {
        await using var upstream = await StartAsync(async context =>
        {
            var all = new List<string>();
            while (await ReadAsync(context.Request.Body) is { } message)
            {
                all.Add(message);
            }
            await WriteAsync(context.Response.Body, string.Join(',', all));
            context.Response.AppendTrailer("grpc-status", "0");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(HttpVersion.Version20);
        using var answer = await client.SendAsync(Call(client, "/a/Sum", async stream =>
        {
            for (var i = 0; i < 100; i++)
            {
                await WriteAsync(stream, $"{i}");
            }
        }));
        Assert.Equal(string.Join(',', Enumerable.Range(0, 100)), await ReadAsync(await answer.Content.ReadAsStreamAsync()));
    }

    [Fact]
    public async Task A_server_streams_message_by_message()
    {
        var seen = Channel.CreateUnbounded<int>();
        await using var upstream = await StartAsync(async context =>
        {
            await context.Response.Body.FlushAsync();
            for (var i = 0; i < 20; i++)
            {
                await WriteAsync(context.Response.Body, $"message {i}");
                // The next leaves only once the client has this one.
                Assert.Equal(i, await seen.Reader.ReadAsync().AsTask().WaitAsync(TestGateway.Patience));
            }
            context.Response.AppendTrailer("grpc-status", "0");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(HttpVersion.Version20);
        using var answer = await client.SendAsync(Call(client, "/a/List", stream => WriteAsync(stream, "all")), HttpCompletionOption.ResponseHeadersRead);
        var body = await answer.Content.ReadAsStreamAsync();
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal($"message {i}", await ReadAsync(body).WaitAsync(TestGateway.Patience));
            seen.Writer.TryWrite(i);
        }
        Assert.Null(await ReadAsync(body));
        Assert.Equal("0", answer.TrailingHeaders.GetValues("grpc-status").Single());
    }

    [Fact]
    public async Task Both_sides_stream_in_turns()
    {
        await using var upstream = await StartAsync(async context =>
        {
            await context.Response.Body.FlushAsync();
            while (await ReadAsync(context.Request.Body) is { } message)
            {
                await WriteAsync(context.Response.Body, $"echo {message}");
            }
            context.Response.AppendTrailer("grpc-status", "0");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(HttpVersion.Version20);
        var turn = Channel.CreateUnbounded<string>();
        using var answer = await client.SendAsync(Call(client, "/a/Chat", async stream =>
        {
            await stream.FlushAsync();
            await foreach (var message in turn.Reader.ReadAllAsync())
            {
                await WriteAsync(stream, message);
            }
        }), HttpCompletionOption.ResponseHeadersRead).WaitAsync(TestGateway.Patience);
        var body = await answer.Content.ReadAsStreamAsync();
        for (var i = 0; i < 20; i++)
        {
            turn.Writer.TryWrite($"{i}");
            Assert.Equal($"echo {i}", await ReadAsync(body).WaitAsync(TestGateway.Patience));
        }
        turn.Writer.Complete();
        Assert.Null(await ReadAsync(body).WaitAsync(TestGateway.Patience));
        Assert.Equal("0", answer.TrailingHeaders.GetValues("grpc-status").Single());
    }

    private static Task<KestrelUpstream> StartAsync(RequestDelegate answer) => KestrelUpstream.StartAsync(http2: true, context =>
    {
        context.Response.ContentType = "application/grpc";
        return answer(context);
    });

    private static HttpRequestMessage Call(HttpClient client, string path, Func<Stream, Task> write)
    {
        var call = client.Message("POST", path, new StreamedContent(write));
        call.Content!.Headers.ContentType = new("application/grpc");
        call.Headers.TE.Add(new("trailers"));
        return call;
    }

    private static async Task WriteAsync(Stream stream, string message)
    {
        var bytes = new byte[5 + Encoding.UTF8.GetByteCount(message)];
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(1), bytes.Length - 5);
        Encoding.UTF8.GetBytes(message, bytes.AsSpan(5));
        await stream.WriteAsync(bytes);
        await stream.FlushAsync();
    }

    /// <summary>The next message, or null at the stream's end.</summary>
    private static async Task<string?> ReadAsync(Stream stream)
    {
        var head = new byte[5];
        if (await stream.ReadAtLeastAsync(head, 5, throwOnEndOfStream: false) == 0)
        {
            return null;
        }
        var message = new byte[BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(1))];
        await stream.ReadExactlyAsync(message);
        return Encoding.UTF8.GetString(message);
    }
}
