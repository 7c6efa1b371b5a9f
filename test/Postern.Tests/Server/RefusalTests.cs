using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;

namespace Postern.Tests.Server;

/// <summary>What is no request gets the gateway's own answer all the same.</summary>
public sealed class RefusalTests
{
    private static Task Ok(HttpContext context)
    {
        context.Response.ContentLength = 2;
        return context.Response.WriteAsync("ok");
    }

    [Theory]
    [InlineData("rubbish\r\n\r\n")]
    [InlineData("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /caf\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n folded: line\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX: nul\0\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX : space\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\nHost: a\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n")]
    public async Task What_is_not_HTTP_gets_400_as_a_problem(string request)
    {
        await using var served = await Served.StartAsync(Ok);
        using var client = await served.ConnectAsync();
        await client.SendAsync(request);
        Served.IsProblem(await client.ReadToEndAsync(), 400, "bad-request");
        var (failure, reason) = Assert.Single(served.Refused);
        Assert.Equal(Failure.BadRequest, failure);
        Assert.False(string.IsNullOrEmpty(reason));
    }

    [Fact]
    public async Task A_version_that_isnt_spoken_gets_505()
    {
        await using var served = await Served.StartAsync(Ok);
        using var client = await served.ConnectAsync();
        await client.SendAsync("GET / HTTP/3.0\r\nHost: a\r\n\r\n");
        Served.IsProblem(await client.ReadToEndAsync(), 505, "http-version");
    }

    [Fact]
    public async Task A_method_that_cant_have_such_a_target_gets_405_with_Allow()
    {
        await using var served = await Served.StartAsync(Ok);
        using var client = await served.ConnectAsync();
        await client.SendAsync("GET * HTTP/1.1\r\nHost: a\r\n\r\n");
        var answer = await client.ReadToEndAsync();
        Served.IsProblem(answer, 405, "method-not-allowed");
        Assert.Equal("OPTIONS", RawClient.Field(answer, "Allow"));
    }

    [Fact]
    public async Task An_answer_to_HEAD_has_no_body()
    {
        await using var served = await Served.StartAsync(Ok);
        using var client = await served.ConnectAsync();
        await client.SendAsync("HEAD / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n");
        var answer = await client.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Equal("application/problem+json", RawClient.Field(answer, "Content-Type"));
        Assert.EndsWith("\r\n\r\n", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /hidden HTTP/1.1\r\nHost: a\r\n\r\nGET /too HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("POST /hidden HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")]
    [InlineData("rubbish\r\n\r\n")]
    [InlineData("{}")]
    public async Task A_body_that_nobody_read_is_no_request_when_its_client_has_left(string body)
    {
        var paths = new ConcurrentQueue<string>();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var served = await Served.StartAsync(async context =>
        {
            paths.Enqueue(context.Request.Path);
            var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var told = context.RequestAborted.Register(gone.SetResult);
            begun.TrySetResult();
            await gone.Task.WaitAsync(TimeSpan.FromSeconds(10));
        });
        using (var client = await served.ConnectAsync())
        {
            await client.SendAsync($"POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: {body.Length}\r\n\r\n{body}");
            await begun.Task.WaitAsync(TimeSpan.FromSeconds(10));
        }
        await served.UntilConnectionsAsync(0);
        Assert.Equal(["/refused"], paths);
        Assert.Empty(served.Refused);
    }

    [Fact]
    public async Task A_bad_request_behind_a_good_one_is_answered_in_its_turn()
    {
        await using var served = await Served.StartAsync(Ok);
        using var client = await served.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\nrubbish\r\n\r\n");
        var (head, body) = await client.ReadResponseAsync();
        Assert.StartsWith("HTTP/1.1 200 ", head, StringComparison.Ordinal);
        Assert.Equal("ok", body);
        Served.IsProblem(await client.ReadToEndAsync(), 400, "bad-request");
    }

    [Fact]
    public async Task A_client_that_leaves_within_a_head_is_no_refusal_that_anyone_reads()
    {
        await using var served = await Served.StartAsync(Ok);
        using (var client = await served.ConnectAsync())
        {
            await client.SendAsync("GET / HT");
        }
        using var next = await served.ConnectAsync();
        await next.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", (await next.ReadResponseAsync()).Head, StringComparison.Ordinal);
    }
}
