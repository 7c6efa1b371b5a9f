using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>Requests that two servers could read in two ways. The upstream echoes what it got, so that nothing is guessed.</summary>
public sealed class HostileClientTests
{
    private const string Next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

    [Theory]
    [InlineData("+5")]
    [InlineData("5\0")]
    [InlineData("5\0\0")]
    [InlineData("-5")]
    [InlineData("5,5")]
    [InlineData("0x5")]
    [InlineData("5 5")]
    [InlineData("\u00b2")]
    [InlineData("")]
    public async Task A_length_is_digits_alone(string length)
    {
        await using var upstream = Echo();
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        var answer = await gateway.SendRawAsync($"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nhello");
        Assert.Equal(400, answer.Status);
        Assert.Equal(0, upstream.Accepted);
    }

    [Theory]
    [InlineData("5")]
    [InlineData("05")]
    [InlineData("  5\t")]
    public async Task A_length_may_have_leading_zeros_and_blanks_around_it(string length)
    {
        await using var upstream = Echo();
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        var answer = await gateway.SendRawAsync($"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:{length}\r\n\r\nhello");
        Assert.Equal(200, answer.Status);
        Assert.Equal(["5"], RawAnswer.Fields(answer.Body, "Content-Length"));
    }

    [Theory]
    [InlineData("100000005\r\nhello\r\n0\r\n\r\n")]
    [InlineData("FFFFFFFFFFFFFFFF5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\nX: \0\r\n\r\n")]
    [InlineData("5\r\nhelloX\r\n0\r\n\r\n")]
    [InlineData("5\nhello\r\n0\r\n\r\n")]
    [InlineData("5;a=b\nX\r\nhello\r\n0\r\n\r\n")]
    [InlineData("-5\r\nhello\r\n0\r\n\r\n")]
    public async Task A_body_that_is_not_HTTP_is_the_client_s_fault_and_ends_the_connection(string body)
    {
        await using var upstream = Echo();
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + Next);
        var answer = await client.ReadAnswerAsync(false);
        Assert.Equal(400, answer.Status);
        Assert.Contains("\"bad-request\"", answer.Body);
        Assert.Equal("", await client.ReadToEndAsync());
    }

    [Theory]
    [InlineData("FFFFFFFFFFFFFFFF5\r\n")]
    [InlineData("5\r\nhello\r\n0\r\nX: \0\r\n\r\n")]
    public async Task A_broken_body_is_the_client_s_fault_before_an_upstream_of_HTTP_2_too(string body)
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: true, async context =>
        {
            await context.Request.BodyReader.CopyToAsync(Stream.Null);
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstream.Options);
        var answer = await gateway.SendRawAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body);
        Assert.Equal(400, answer.Status);
    }

    [Fact]
    public async Task Trailers_bring_nothing_that_a_head_could_not()
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            var request = await connection.ReadHeadAsync() + await connection.ReadUntilAsync("\r\n\r\n");
            await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {request.Length}\r\n\r\n{request}");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        var answer = await gateway.SendRawAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
            + "X-Forwarded-For: 6.6.6.6\r\nx-forwarded-PROTO: https\r\nForwarded: for=1\r\nVia: 1.1 x\r\ntraceparent: x\r\nX-Request-Id: x\r\n"
            + "Authorization: Basic x\r\nCookie: a=b\r\nContent-Type: x\r\nX_User: root\r\nHost: evil\r\nContent-Length: 3\r\nX-Checksum: 1\r\n\r\n");
        Assert.EndsWith("\r\n\r\n5\r\nhello\r\n0\r\nX-Checksum: 1\r\n\r\n", answer.Body);
    }

    [Theory]
    [InlineData("get")]
    [InlineData("Get")]
    [InlineData("head")]
    [InlineData("pOST")]
    [InlineData("connect")]
    [InlineData("CONNECT")]
    public async Task A_method_in_other_letters_and_a_tunnel_are_refused(string method)
    {
        await using var upstream = Echo();
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        var answer = await gateway.SendRawAsync($"{method} /x HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal(400, answer.Status);
        Assert.Contains("\"bad-request\"", answer.Body);
        Assert.Equal(0, upstream.Accepted);
    }

    [Theory]
    [InlineData("PURGE")]
    [InlineData("purge")]
    [InlineData("M-SEARCH")]
    public async Task Methods_nobody_has_standardised_go_through_as_they_are(string method)
    {
        await using var upstream = Echo();
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        Assert.StartsWith($"{method} /x HTTP/1.1\r\n", (await gateway.SendRawAsync($"{method} /x HTTP/1.1\r\nHost: a\r\n\r\n")).Body);
    }

    [Theory]
    [InlineData("GET http://u@a/x HTTP/1.1", 400)]
    [InlineData("OPTIONS * HTTP/1.1", 404)]
    public async Task A_target_that_is_no_path_is_refused(string line, int status)
    {
        await using var upstream = Echo();
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        Assert.Equal(status, (await gateway.SendRawAsync($"{line}\r\nHost: a\r\n\r\n")).Status);
        Assert.Equal(0, upstream.Accepted);
    }

    [Theory]
    [InlineData(1, 200)]
    [InlineData(7, 200)]
    [InlineData(1000, 200)]
    [InlineData(1000, 413, 1001)]
    [InlineData(1, 413, 1001)]
    public async Task Chunks_count_by_what_is_in_them(int chunk, int status, int size = 1000)
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadUntilAsync("\r\n0\r\n\r\n");
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: "maxBody: 1000B");
        var body = new System.Text.StringBuilder();
        for (var left = size; left > 0; left -= chunk)
        {
            var count = Math.Min(left, chunk);
            body.Append($"{count:x}\r\n{new string('x', count)}\r\n");
        }
        var answer = await gateway.SendRawAsync($"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n");
        Assert.Equal((status, status == 200 ? null : "close"), (answer.Status, answer["Connection"]));
    }

    [Theory]
    [InlineData("/x", "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("/x", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("/a/../x", "")]
    [InlineData("/a%2fx", "")]
    public async Task Who_is_answered_before_it_was_asked_for_its_body_gets_no_second_request_in(string path, string answered)
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync(answered);
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync($"POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {Next.Length}\r\n\r\n");
        var answer = await client.ReadAnswerAsync();
        Assert.Equal("close", answer["Connection"]);
    }

    [Fact]
    public async Task Who_was_asked_for_its_body_keeps_the_connection()
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n");
            await connection.ReadUntilAsync("hello");
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        await client.ReadUntilAsync("HTTP/1.1 100 Continue\r\n\r\n");
        await client.SendAsync("hello");
        Assert.Null((await client.ReadAnswerAsync())["Connection"]);
    }

    /// <summary>Answers with the whole request as it came.</summary>
    private static ScriptedUpstream Echo() => ScriptedUpstream.Serving(async connection =>
    {
        while (await connection.ReadRequestAsync() is { Length: > 0 } request)
        {
            await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {request.Length}\r\n\r\n{request}");
        }
    });
}
