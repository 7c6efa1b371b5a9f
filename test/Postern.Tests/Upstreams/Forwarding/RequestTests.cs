using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams.Forwarding;

/// <summary>What goes out, byte for byte, and what happens while it does.</summary>
public sealed class RequestTests
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    private static async Task<string> SentAsync(Action<UpstreamCall> change, string method = "GET", string target = "/", string? body = null)
    {
        var sent = new TaskCompletionSource<string>();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            sent.TrySetResult(await connection.ReadRequestAsync());
            await connection.WriteAsync(Ok);
            await connection.DrainAsync();
        });
        using var caller = new Caller(upstream.Url);
        var call = caller.Call(method, target, body);
        change(call);
        await caller.GetAsync(call);
        return (await sent.Task).Replace(upstream.Url[7..], "own", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_is_its_line_its_host_its_fields()
    {
        Assert.Equal("GET /a%2Fb?x=%c3%a9&y HTTP/1.1\r\nHost: own\r\nAccept: */*\r\nX-E: \u00e9\r\n\r\n", await SentAsync(call =>
        {
            call.Fields.Add("Accept", "*/*");
            call.Fields.Add("X-E", "\u00e9");
        }, target: "/a%2Fb?x=%c3%a9&y"));
        Assert.Equal("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n", await SentAsync(call => call.Host = "shop.example"));
    }

    [Fact]
    public async Task Framing_is_written_by_the_wire_alone()
    {
        Assert.Equal("POST / HTTP/1.1\r\nHost: own\r\nContent-Length: 3\r\n\r\nabc", await SentAsync(call =>
        {
            foreach (var name in new[] { "Content-Length", "transfer-encoding", "Connection", "HOST", "Expect", "Keep-Alive", "Proxy-Connection", "TE", "Upgrade", "Trailer" })
            {
                call.Fields.Add(name, "chunked");
            }
        }, "POST", body: "abc"));
        Assert.Equal("POST / HTTP/1.1\r\nHost: own\r\nContent-Length: 0\r\n\r\n", await SentAsync(_ => { }, "POST"));
        Assert.Equal("DELETE / HTTP/1.1\r\nHost: own\r\n\r\n", await SentAsync(_ => { }, "DELETE"));
        Assert.Equal("GET / HTTP/1.1\r\nHost: own\r\nContent-Length: 0\r\n\r\n", await SentAsync(_ => { }, body: ""));
        Assert.Equal("POST / HTTP/1.1\r\nHost: own\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", await SentAsync(call => call.BodyLength = null, "POST", body: "abc"));
        Assert.Equal("POST / HTTP/1.1\r\nHost: own\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", await SentAsync(call => call.BodyLength = null, "POST", body: ""));
    }

    [Fact]
    public async Task Request_trailers_follow_a_chunked_body()
    {
        Assert.EndsWith("\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n", await ReadAllAsync(new HeaderDictionary { ["X-Sum"] = new(["1", "2"]), ["Content-Length"] = "7" }));
        Assert.EndsWith("\r\n\r\n3\r\nabc\r\n0\r\n\r\n", await ReadAllAsync(null));

        static async Task<string> ReadAllAsync(IHeaderDictionary? trailers)
        {
            await using var upstream = new ScriptedUpstream();
            using var caller = new Caller(upstream.Url);
            var call = caller.Call("POST", body: "abc");
            (call.BodyLength, call.BodyTrailers) = (null, () => trailers);
            var sending = caller.GetAsync(call);
            var connection = await upstream.AcceptAsync();
            var request = await connection.ReadUntilAsync("0\r\n") + await connection.ReadUntilAsync("\r\n");
            request += request.EndsWith("0\r\n\r\n", StringComparison.Ordinal) ? "" : await connection.ReadUntilAsync("\r\n\r\n");
            await connection.WriteAsync(Ok);
            await sending;
            return request;
        }
    }

    [Theory]
    [InlineData("/a b", "X", "y", null, null)]
    [InlineData("/a\r\nX: y", "X", "y", null, null)]
    [InlineData("/a\0", "X", "y", null, null)]
    [InlineData("/\u010a", "X", "y", null, null)]
    [InlineData("a", "X", "y", null, null)]
    [InlineData("", "X", "y", null, null)]
    [InlineData("/", "X", "y\r\nEvil: 1", null, null)]
    [InlineData("/", "X", "y\n", null, null)]
    [InlineData("/", "X", "y\0", null, null)]
    [InlineData("/", "X", "y\u0001", null, null)]
    [InlineData("/", "X", "y\u010d\u010aEvil: 1", null, null)]
    [InlineData("/", "X y", "z", null, null)]
    [InlineData("/", "X:", "z", null, null)]
    [InlineData("/", "", "z", null, null)]
    [InlineData("/", "X\r\nY", "z", null, null)]
    [InlineData("/", "X", "y", "a b", null)]
    [InlineData("/", "X", "y", "a\r\nEvil: 1", null)]
    [InlineData("/", "X", "y", null, "a\r\nEvil: 1")]
    public async Task What_would_break_the_message_is_never_sent(string target, string name, string value, string? host, string? upgrade)
    {
        await using var upstream = ScriptedUpstream.Answering(Ok);
        using var caller = new Caller(upstream.Url);
        foreach (var body in new[] { null, "abc" })
        {
            var call = caller.Call(target: target, body: body);
            call.Fields.Add(name, value);
            (call.Host, call.Upgrade) = (host, upgrade);
            Assert.Equal(Failure.BadRequest, await Caller.FailureOf(() => caller.GetAsync(call)));
        }
        Assert.Equal((200, "ok"), await caller.GetAsync());
    }

    [Fact]
    public async Task A_bad_trailer_breaks_the_request_off()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var call = caller.Call("POST", body: "abc");
        (call.BodyLength, call.BodyTrailers) = (null, () => new HeaderDictionary { ["X"] = "a\r\nEvil: 1" });
        var sending = caller.GetAsync(call);
        var connection = await upstream.AcceptAsync();
        Assert.Equal(Failure.BadRequest, await Caller.FailureOf(() => sending));
        await connection.DrainAsync();
    }

    [Theory]
    [InlineData(5)]
    [InlineData(2)]
    public async Task A_body_of_another_length_breaks_the_request_off(int claimed)
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var call = caller.Call("POST", body: "abc");
        call.BodyLength = claimed;
        var sending = caller.GetAsync(call);
        var connection = await upstream.AcceptAsync();
        await Assert.ThrowsAsync<BadHttpRequestException>(() => sending);
        await connection.DrainAsync();
    }

    [Fact]
    public async Task What_fails_on_the_clients_side_is_thrown_as_it_is()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var pipe = new Pipe();
        var call = caller.Call("POST");
        call.Body = pipe.Reader;
        var sending = caller.GetAsync(call);
        var connection = await upstream.AcceptAsync();
        await pipe.Writer.WriteAsync("abc"u8.ToArray());
        await connection.ReadUntilAsync("abc\r\n");
        var error = new BadHttpRequestException("too large", 413);
        await pipe.Writer.CompleteAsync(error);
        Assert.Same(error, await Assert.ThrowsAsync<BadHttpRequestException>(() => sending));
        await connection.DrainAsync();
    }

    [Fact]
    public async Task A_body_larger_than_any_buffer_arrives_whole()
    {
        var content = new byte[1_000_000];
        new Random(7).NextBytes(content);
        foreach (var chunked in new[] { false, true })
        {
            await using var upstream = ScriptedUpstream.Serving(async connection =>
            {
                await connection.ReadHeadAsync();
                var body = chunked ? Unchunk(await connection.ReadUntilAsync("\r\n0\r\n\r\n")) : await connection.ReadAsync(content.Length);
                await connection.WriteAsync($"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body.Length / 2:x}\r\n{body[..(body.Length / 2)]}\r\n{body.Length - body.Length / 2:X}\r\n{body[(body.Length / 2)..]}\r\n0\r\n\r\n");
                await connection.DrainAsync();
            });
            using var caller = new Caller(upstream.Url);
            var call = caller.Call("PUT");
            (call.Body, call.BodyLength) = (PipeReader.Create(new MemoryStream(content), new(bufferSize: 100_000)), chunked ? null : content.Length);
            var (_, echo) = await caller.GetAsync(call);
            Assert.True(Encoding.Latin1.GetString(content) == echo);
        }

        static string Unchunk(string text)
        {
            var body = new StringBuilder();
            while (true)
            {
                var end = text.IndexOf("\r\n", StringComparison.Ordinal);
                var size = Convert.ToInt32(text[..end], 16);
                if (size == 0)
                {
                    return body.ToString();
                }
                body.Append(text, end + 2, size);
                text = text[(end + 4 + size)..];
            }
        }
    }
}
