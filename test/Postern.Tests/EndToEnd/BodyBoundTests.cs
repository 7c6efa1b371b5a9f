using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>How much a body may be, and that no byte of one ever becomes part of the next request.</summary>
public sealed class BodyBoundTests
{
    private const string Next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

    [Theory]
    [InlineData("maxBody: 10B", "Content-Length: 10\r\n\r\n0123456789", 200)]
    [InlineData("maxBody: 10B", "Content-Length: 11\r\n\r\n0123456789a", 413)]
    [InlineData("maxBody: 10B", "Content-Length: 9223372036854775807\r\n\r\n0123", 413)]
    [InlineData("maxBody: 10B", "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", 200)]
    [InlineData("maxBody: 10B", "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n", 413)]
    [InlineData("maxBody: 0B", "Content-Length: 0\r\n\r\n", 200)]
    [InlineData("maxBody: 0B", "Content-Length: 1\r\n\r\n0", 413)]
    [InlineData("maxBody: off", "Content-Length: 10\r\n\r\n0123456789", 200)]
    public async Task A_body_may_be_as_large_as_its_route_allows(string route, string framed, int status)
    {
        await using var upstream = Echo();
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: route);
        var answer = await gateway.SendRawAsync($"POST / HTTP/1.1\r\nHost: a\r\n{framed}");
        Assert.Equal(status, answer.Status);
        if (status == 413)
        {
            Assert.Contains("\"code\":\"body-too-large\"", answer.Body);
            Assert.Equal("body-too-large", (await gateway.LogAsync(1))[0].GetProperty("failure").GetString());
        }
        if (framed.StartsWith("Content-Length") && status == 413)
        {
            Assert.Equal(0, upstream.Accepted);
        }
    }

    [Theory, InlineData(11L << 20), InlineData(9L << 20)]
    public async Task Ten_megabytes_are_the_default(long size)
    {
        await using var upstream = Echo();
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync($"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n");
        if (size > 10 << 20)
        {
            // Before a byte of it is read.
            Assert.Equal(413, (await client.ReadAnswerAsync()).Status);
            return;
        }
        await client.SendAsync(new string('x', (int)size));
        Assert.Equal(200, (await client.ReadAnswerAsync()).Status);
    }

    [Theory]
    [InlineData("POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", "GET /in HTT")]
    [InlineData("POST /large HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n42\r\n", "GET /in HTTP/1.1\r\nHost: a\r\n\r\nGET /in HTTP/1.1\r\nHost: a\r\n\r\n01234567\r\n0\r\n\r\n")]
    public async Task Behind_a_body_that_was_refused_nothing_is_taken_for_a_request(string head, string body)
    {
        await using var upstream = Echo();
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: "maxBody: 10B");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(head + body + Next);
        var first = await client.ReadAnswerAsync();
        Assert.Equal(413, first.Status);
        Assert.Equal("close", first["Connection"]);
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Single(await gateway.LogAsync(1));
    }

    [Theory]
    [InlineData("Content-Length: 29\r\n\r\n", "GET /in HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n", "1d\r\nGET /in HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n")]
    public async Task After_an_upstream_failed_the_next_request_is_the_next_request(string framing, string body)
    {
        // Fails in three ways: before the head is sent, after it, and by an answer that doesn't wait for the body.
        foreach (var way in new[] { "unreachable", "gone", "early" })
        {
            var begun = new TaskCompletionSource();
            await using var upstream = ScriptedUpstream.Serving(async connection =>
            {
                var head = await connection.ReadHeadAsync();
                begun.TrySetResult();
                if (head.StartsWith("GET"))
                {
                    var target = head.Split(' ')[1];
                    await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {target.Length}\r\n\r\n{target}");
                    await connection.DrainAsync();
                }
                else if (way == "early")
                {
                    await connection.WriteAsync("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
                    await connection.DrainAsync();
                }
                connection.Close();
            });
            await using var gateway = await TestGateway.StartAsync($$"""
                upstreams:
                  up: { url: {{upstream.Url}} }
                  down: { url: "http://127.0.0.1:1" }
                gates:
                  web:
                    identity: off
                    routes:
                      - post: /
                        to: http://{{(way == "unreachable" ? "down" : "up")}}
                      - get: /next
                        to: http://up
                """);
            using var client = await gateway.ConnectAsync();
            await client.SendAsync($"POST / HTTP/1.1\r\nHost: a\r\n{framing}{body[..10]}");
            if (way != "unreachable")
            {
                await begun.Task.WaitAsync(TestGateway.Patience);
            }
            // The rest of the body comes with the next request.
            await client.SendAsync(body[10..] + Next);
            Assert.Equal(way == "early" ? 403 : 502, (await client.ReadAnswerAsync()).Status);
            var second = await client.ReadAnswerAsync();
            Assert.Equal((200, "/next"), (second.Status, second.Body));
        }
    }

    [Fact]
    public async Task Requests_in_one_packet_are_answered_in_order()
    {
        await using var upstream = Echo();
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(string.Concat(Enumerable.Range(0, 50).Select(i => i % 2 == 0
            ? $"POST /{i} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" : $"PUT /{i} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")));
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal($"/{i}", (await client.ReadAnswerAsync()).Body);
        }
        Assert.Equal(1, upstream.Accepted);
    }

    [Theory, InlineData(417), InlineData(413), InlineData(200)]
    public async Task A_body_that_was_never_asked_for_does_not_swallow_the_next_request(int status)
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadHeadAsync() is { Length: > 0 } head)
            {
                Assert.Contains("Expect: 100-continue", head);
                await connection.WriteAsync($"HTTP/1.1 {status} Final\r\nContent-Length: 2\r\n\r\nno");
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("PUT /upload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n");
        var answer = await client.ReadHeadAsync();
        Assert.StartsWith($"HTTP/1.1 {status}", answer);
        Assert.Equal("no", await client.ReadAsync(2));
        // Whether the body still comes is the client's choice; so nobody can know where the next request begins.
        Assert.Equal(["close"], RawAnswer.Fields(answer, "Connection"));
        if (status == 417)
        {
            Assert.Equal("", await client.ReadToEndAsync());
        }
    }

    [Theory]
    [InlineData("PUT /none HTTP/1.1", 404), InlineData("PUT /only HTTP/1.1", 405), InlineData("POST /down HTTP/1.1", 502), InlineData("POST /fixed HTTP/1.1", 200)]
    public async Task The_gateways_own_answer_asks_for_no_body_either(string line, int status)
    {
        await using var gateway = await TestGateway.StartAsync("""
            upstreams:
              down: { url: "http://127.0.0.1:1" }
            gates:
              web:
                identity: off
                routes:
                  - get: /only
                    to: http://down
                  - post: /down
                    to: http://down
                  - post: /fixed
                    respond: { status: 200, body: hello }
            """);
        var answer = await gateway.SendRawAsync($"{line}\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n");
        Assert.Equal((status, "close"), (answer.Status, answer["Connection"]));
    }

    [Fact]
    public async Task A_client_is_told_to_continue_when_the_upstream_says_so_and_not_before()
    {
        var asked = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadHeadAsync() is { Length: > 0 } head)
            {
                asked.TrySetResult();
                await go.Task;
                await connection.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n");
                var body = await connection.ReadAsync(4);
                await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{body}");
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 4\r\n\r\n");
        await asked.Task.WaitAsync(TestGateway.Patience);
        var line = client.ReadUntilAsync("\r\n\r\n");
        Assert.False(line.IsCompleted);
        go.SetResult();
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n", await line);
            await client.SendAsync("body");
            Assert.Equal("body", (await client.ReadAnswerAsync()).Body);
            await client.SendAsync("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 4\r\n\r\n");
            line = client.ReadUntilAsync("\r\n\r\n");
        }
    }

    /// <summary>Answers each request, read to its end, with its target.</summary>
    private static ScriptedUpstream Echo() => ScriptedUpstream.Serving(async connection =>
    {
        while (await connection.ReadHeadAsync() is { Length: > 0 } head)
        {
            if (RawAnswer.Fields(head, "Content-Length") is [var length])
            {
                for (var left = int.Parse(length); left > 0;)
                {
                    left -= await connection.DiscardAsync(left);
                }
            }
            else if (RawAnswer.Fields(head, "Transfer-Encoding") is ["chunked"])
            {
                await connection.ReadUntilAsync("0\r\n\r\n");
            }
            var target = head.Split(' ')[1];
            await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {target.Length}\r\n\r\n{target}");
        }
    });
}
