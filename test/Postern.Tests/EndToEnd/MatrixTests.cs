using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>Every version in, every version out: what is sent is what arrives.</summary>
public sealed class MatrixTests
{
    public static TheoryData<int, int> Versions => new() { { 1, 1 }, { 1, 2 }, { 2, 1 }, { 2, 2 } };

    private static Version In(int version) => version == 2 ? HttpVersion.Version20 : HttpVersion.Version11;

    [Theory, MemberData(nameof(Versions))]
    public async Task A_request_without_a_body_arrives_without_one(int @in, int @out)
    {
        await using var upstream = await KestrelUpstream.StartAsync(@out == 2, context =>
        {
            var canHaveBody = context.Features.Get<IHttpRequestBodyDetectionFeature>()!.CanHaveBody;
            var headers = context.Request.Headers;
            return context.Response.WriteAsync($"{context.Request.Method} {context.Request.Protocol} body {canHaveBody} length {headers.ContentLength} chunked {headers.TransferEncoding}");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(In(@in));
        foreach (var method in new[] { "GET", "DELETE", "OPTIONS" })
        {
            using var answer = await client.SendAsync(method, "/a");
            Assert.Equal($"{method} HTTP/{(@out == 2 ? "2" : "1.1")} body False length  chunked ", await answer.Content.ReadAsStringAsync());
            Assert.Equal(In(@in), answer.Version);
        }
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task HEAD_answers_with_the_length_and_no_body(int @in, int @out)
    {
        await using var upstream = await KestrelUpstream.StartAsync(@out == 2, context =>
        {
            Assert.Equal("HEAD", context.Request.Method);
            context.Response.ContentLength = 12345;
            context.Response.Headers.ETag = "\"x\"";
            return Task.CompletedTask;
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(In(@in));
        for (var i = 0; i < 2; i++)
        {
            using var answer = await client.SendAsync("HEAD", "/");
            Assert.Equal(12345, answer.Content.Headers.ContentLength);
            Assert.Equal("\"x\"", answer.Headers.ETag!.Tag);
            Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
        }
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_body_arrives_whole_with_its_length_or_in_chunks(int @in, int @out)
    {
        await using var upstream = await KestrelUpstream.StartAsync(@out == 2, async context =>
        {
            var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            context.Response.Headers["Seen"] = $"{context.Request.ContentLength?.ToString() ?? "none"} {body.Length}";
            await context.Response.Body.WriteAsync(body.GetBuffer().AsMemory(0, (int)body.Length));
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(In(@in));
        foreach (var size in new[] { 0, 1, 4095, 65_536, 3_000_001 })
        {
            var bytes = new byte[size];
            new Random(size).NextBytes(bytes);
            using var known = await client.PostAsync("/known", new ByteArrayContent(bytes));
            Assert.Equal($"{size} {size}", known.Headers.GetValues("Seen").Single());
            Assert.Equal(bytes, await known.Content.ReadAsByteArrayAsync());

            using var streamed = await client.SendAsync("PUT", "/streamed", new StreamedContent(stream => InPieces(stream, bytes)));
            // Over HTTP/2 an empty body may end with its head, and then there is none.
            Assert.Contains(streamed.Headers.GetValues("Seen").Single(), (string[])(size == 0 && @in == 2 ? ["none 0", "0 0"] : [$"none {size}"]));
            Assert.Equal(bytes, await streamed.Content.ReadAsByteArrayAsync());
        }
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Answers_without_a_body_keep_their_status_and_their_connection(int @in, int @out)
    {
        await using var upstream = await KestrelUpstream.StartAsync(@out == 2, context =>
        {
            context.Response.StatusCode = int.Parse(context.Request.Path.Value![1..]);
            context.Response.Headers.ETag = "\"e\"";
            if (context.Response.StatusCode is 200 or 205)
            {
                context.Response.ContentLength = 0;
            }
            return Task.CompletedTask;
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(In(@in));
        foreach (var status in new[] { 204, 304, 205, 200, 304, 204, 404, 500 })
        {
            using var answer = await client.GetAsync($"/{status}");
            Assert.Equal(status, (int)answer.StatusCode);
            Assert.Equal("\"e\"", answer.Headers.ETag!.Tag);
            Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
        }
        Assert.Equal(1, gateway.Connections);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Trailers_of_an_answer_reach_the_client(int @in, int @out)
    {
        await using var upstream = await KestrelUpstream.StartAsync(@out == 2, async context =>
        {
            if (context.Features.Get<IHttpResponseTrailersFeature>() is { } trailers)
            {
                await context.Response.WriteAsync("streamed");
                trailers.Trailers.Append("X-Sum", "abc");
                trailers.Trailers.Append("grpc-status", "0");
                return;
            }
            // The server can't send trailers over HTTP/1.1 itself.
            context.Response.Headers.TransferEncoding = "chunked";
            await context.Response.WriteAsync("8\r\nstreamed\r\n0\r\nX-Sum: abc\r\ngrpc-status: 0\r\n\r\n");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(In(@in));
        for (var i = 0; i < 2; i++)
        {
            using var request = client.Message("GET", "/");
            request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
            using var answer = await client.SendAsync(request);
            Assert.Equal("streamed", await answer.Content.ReadAsStringAsync());
            Assert.Equal("abc", answer.TrailingHeaders.GetValues("X-Sum").Single());
            Assert.Equal("0", answer.TrailingHeaders.GetValues("grpc-status").Single());
        }
    }

    [Fact]
    public async Task Trailers_of_a_request_reach_an_HTTP_1_upstream()
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            var body = await reader.ReadToEndAsync();
            var trailers = context.Features.Get<IHttpRequestTrailersFeature>()!.Trailers;
            await context.Response.WriteAsync($"{body} {trailers["X-Sum"]} {trailers["X-Next"]} {context.Request.Headers.TE} {trailers.ContainsKey("Content-Length")}");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        var answer = await gateway.SendRawAsync(
            "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: abc\r\nX-Next: \xe9\r\nContent-Length: 3\r\n\r\n");
        Assert.Equal("hello abc \xc3\xa9 trailers False", answer.Body);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Large_header_values_pass_both_ways(int @in, int @out)
    {
        var large = new string('v', 20_000);
        await using var upstream = await KestrelUpstream.StartAsync(@out == 2, context =>
        {
            Assert.Equal(large, context.Request.Headers["X-Large"]);
            context.Response.Headers["X-Large"] = large + large;
            return context.Response.WriteAsync("ok");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(In(@in));
        client.DefaultRequestHeaders.Add("X-Large", large);
        using var answer = await client.GetAsync("/");
        Assert.Equal("ok", await answer.Content.ReadAsStringAsync());
        Assert.Equal(large + large, answer.Headers.GetValues("X-Large").Single());
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Nothing_is_followed_kept_or_unpacked(int @in, int @out)
    {
        byte[] packed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3];
        var asked = 0;
        await using var upstream = await KestrelUpstream.StartAsync(@out == 2, context =>
        {
            asked++;
            Assert.Equal(0, context.Request.Headers.Cookie.Count);
            Assert.Equal("gzip, br", context.Request.Headers.AcceptEncoding);
            context.Response.StatusCode = 302;
            context.Response.Headers.Location = "http://127.0.0.1:1/elsewhere";
            context.Response.Headers.Append("Set-Cookie", "a=1; Path=/");
            context.Response.Headers.Append("Set-Cookie", "b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT");
            context.Response.Headers.ContentEncoding = "gzip";
            return context.Response.Body.WriteAsync(packed).AsTask();
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(In(@in));
        client.DefaultRequestHeaders.TryAddWithoutValidation("Accept-Encoding", "gzip, br");
        for (var i = 1; i <= 2; i++)
        {
            using var answer = await client.GetAsync("/");
            Assert.Equal(i, asked);
            Assert.Equal(302, (int)answer.StatusCode);
            Assert.Equal("http://127.0.0.1:1/elsewhere", answer.Headers.Location!.ToString());
            Assert.Equal(["a=1; Path=/", "b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT"], answer.Headers.GetValues("Set-Cookie"));
            Assert.Equal(["gzip"], answer.Content.Headers.ContentEncoding);
            Assert.Equal(packed, await answer.Content.ReadAsByteArrayAsync());
        }
    }

    [Theory, InlineData(1), InlineData(2)]
    public async Task The_cookies_of_an_HTTP_2_request_arrive_as_one_field(int @out)
    {
        await using var upstream = await KestrelUpstream.StartAsync(@out == 2, context =>
            context.Response.WriteAsync($"{context.Request.Headers.Cookie.Count}: {context.Request.Headers.Cookie}"));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        using var client = gateway.Client(HttpVersion.Version20);
        using var request = client.Message("GET", "/");
        request.Headers.TryAddWithoutValidation("Cookie", "a=1; b=2");
        request.Headers.TryAddWithoutValidation("Cookie", "c=3");
        using var answer = await client.SendAsync(request);
        Assert.Equal("1: a=1; b=2; c=3", await answer.Content.ReadAsStringAsync());
    }

    private static async Task InPieces(Stream stream, byte[] bytes)
    {
        for (var at = 0; at < bytes.Length; at += 50_000)
        {
            await stream.WriteAsync(bytes.AsMemory(at, Math.Min(50_000, bytes.Length - at)));
            await stream.FlushAsync();
        }
    }
}
