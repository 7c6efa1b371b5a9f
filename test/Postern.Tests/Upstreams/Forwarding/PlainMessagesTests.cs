using System.Net.Http.Json;
using System.Text;
using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams.Forwarding;

/// <summary>Plain messages from code over the same wire.</summary>
public sealed class PlainMessagesTests
{
    [Fact]
    public async Task A_plain_message_is_sent_and_answered_plainly()
    {
        var seen = new TaskCompletionSource<string>();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequestAsync() is { Length: > 0 } request)
            {
                seen.TrySetResult(request);
                await connection.WriteAsync("HTTP/1.1 201 Created\r\nLocation: /x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n");
            }
        });
        using var caller = new Caller(upstream.Url);
        for (var i = 0; i < 3; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "http://orders/a%2Fb?x=1") { Content = new StringContent("abc", Encoding.ASCII) };
            request.Headers.Add("X-A", ["1", "2"]);
            var response = await caller.SendPlainAsync(request);
            Assert.Equal((201, "/x", "text/plain"), ((int)response.StatusCode, response.Headers.Location!.OriginalString, response.Content.Headers.ContentType!.MediaType));
            Assert.Equal("ok", await response.Content.ReadAsStringAsync());
            Assert.Equal("1", Assert.Single(response.TrailingHeaders.GetValues("X-Sum")));
        }
        Assert.Equal(1, upstream.Accepted);   // read to the end is enough to give the connection back
        var sent = await seen.Task;
        Assert.StartsWith("POST /a%2Fb?x=1 HTTP/1.1\r\n", sent);
        Assert.Contains("\r\nX-A: 1\r\nX-A: 2\r\n", sent);
        Assert.EndsWith("\r\nContent-Length: 3\r\n\r\nabc", sent);
    }

    [Fact]
    public async Task Json_goes_out_and_comes_back()
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
        using var caller = new Caller(upstream.Url);
        using var request = new HttpRequestMessage(HttpMethod.Put, "http://orders/") { Content = JsonContent.Create(new { b = 2 }) };
        using var response = await caller.SendPlainAsync(request);
        Assert.Equal(7, response.Content.Headers.ContentLength);
        Assert.Equal(1, (await response.Content.ReadFromJsonAsync<Dictionary<string, int>>())!["a"]);
    }

    [Theory]
    [InlineData("HEAD", "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: 7\r\n\r\n", 7)]
    [InlineData("GET", "HTTP/1.1 204 No Content\r\n\r\n", 0)]
    public async Task An_answer_without_a_body_needs_no_reading(string method, string answer, long length)
    {
        await using var upstream = ScriptedUpstream.Answering(answer);
        using var caller = new Caller(upstream.Url);
        for (var i = 0; i < 3; i++)
        {
            var response = await caller.SendPlainAsync(new HttpRequestMessage(new HttpMethod(method), "http://orders/"));
            Assert.Equal(length, response.Content.Headers.ContentLength);
        }
        Assert.Equal(1, upstream.Accepted);
    }

    [Fact]
    public async Task Disposing_an_answer_half_read_gives_its_connection_up()
    {
        await using var upstream = new ScriptedUpstream();
        using var caller = new Caller(upstream.Url);
        var sending = caller.SendPlainAsync(new HttpRequestMessage(HttpMethod.Get, "http://orders/"));
        var connection = await upstream.AcceptAsync();
        await connection.ReadHeadAsync();
        await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        var stream = await (await sending).Content.ReadAsStreamAsync();
        Assert.Equal(4, await stream.ReadAsync(new byte[10]));
        using var cancel = new CancellationTokenSource();
        var next = stream.ReadAsync(new byte[10], cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next);
        await connection.DrainAsync();
    }
}
