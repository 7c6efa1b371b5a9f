using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>What is no HTTP, or no answer at all, becomes a problem that says nothing of what stands behind.</summary>
public sealed class BrokenUpstreamTests
{
    private const string Request = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

    public static TheoryData<string> Wrong => new()
    {
        "rubbish\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\x0b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\x7f\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\rX-B: b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX A: a\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        string.Concat(Enumerable.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 50)),
        "HTTP/1.1 200 OK\r\n" + string.Concat(Enumerable.Range(0, 500).Select(i => $"X-{i}: a\r\n")) + "\r\n",
        "HTTP/1.1 200 OK\r\nX-Long: " + new string('x', 200_000) + "\r\nContent-Length: 0\r\n\r\n",
    };

    [Theory, MemberData(nameof(Wrong))]
    public async Task What_is_no_HTTP_is_a_bad_gateway(string bytes)
    {
        await using var upstream = ScriptedUpstream.Answering(bytes);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        for (var i = 0; i < 2; i++)
        {
            await client.SendAsync(Request);
            await AssertProblemAsync(gateway, await client.ReadAnswerAsync(), 502, "upstream-protocol", upstream.Port, i + 1);
        }
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("", true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Len", false)]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\n", false)]
    public async Task An_upstream_that_dies_before_its_head_is_whole_is_gone(string bytes, bool reset)
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync(bytes);
            if (reset)
            {
                connection.Reset();
            }
            else
            {
                connection.Close();
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        await AssertProblemAsync(gateway, await gateway.SendRawAsync(Request), 502, "upstream-gone", upstream.Port);
        await AssertProblemAsync(gateway, await gateway.SendRawAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"), 502, "upstream-gone", upstream.Port, 2);
    }

    [Theory, InlineData("protocol: http1"), InlineData("protocol: http2")]
    public async Task A_refused_connection_is_an_unreachable_upstream(string protocol)
    {
        // A port that was bound and never listens is refused, and nobody else can take it.
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)taken.LocalEndPoint!).Port;
        await using var gateway = await TestGateway.BeforeAsync($"http://127.0.0.1:{port}", protocol);
        await AssertProblemAsync(gateway, await gateway.SendRawAsync(Request), 502, "upstream-unreachable", port);
        await AssertProblemAsync(gateway, await gateway.SendRawAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"), 502, "upstream-unreachable", port, 2);
    }

    [Theory]
    [InlineData("timeout: 100ms", "")]
    [InlineData("timeout: 1h", "timeout: 100ms")]
    [InlineData("protocol: http2", "timeout: 100ms")]
    public async Task No_answer_in_time_is_a_timeout(string upstreamKeys, string routeKeys)
    {
        await using var upstream = ScriptedUpstream.Serving(connection => connection.DrainAsync());
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, upstreamKeys, routeKeys);
        await AssertProblemAsync(gateway, await gateway.SendRawAsync(Request), 504, "upstream-timeout", upstream.Port);
    }

    [Fact]
    public async Task A_timeout_ends_with_the_head_and_not_with_the_body()
    {
        var waited = new TaskCompletionSource();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
            await waited.Task;
            await connection.WriteAsync("half");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "timeout: 50ms");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(Request);
        await client.ReadUntilAsync("half");
        // Another call on the same upstream runs into its time-out meanwhile.
        await using var silent = ScriptedUpstream.Serving(connection => connection.DrainAsync());
        await using var other = await TestGateway.BeforeAsync(silent.Url, "timeout: 100ms");
        Assert.Equal(504, (await other.SendRawAsync(Request)).Status);
        waited.SetResult();
        Assert.Equal("half", await client.ReadAsync(4));
    }

    [Fact]
    public async Task Every_connection_in_use_is_a_busy_upstream()
    {
        var (arrived, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            arrived.SetResult();
            await release.Task;
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "maxConnections: 1, connectTimeout: 1s");
        using var first = await gateway.ConnectAsync();
        await first.SendAsync(Request);
        await arrived.Task.WaitAsync(TestGateway.Patience);
        var busy = await gateway.SendRawAsync(Request);
        await AssertProblemAsync(gateway, busy, 503, "upstream-busy", upstream.Port);
        Assert.Equal("1", busy["Retry-After"]);
        release.SetResult();
        Assert.Equal("ok", (await first.ReadAnswerAsync()).Body);
    }

    [Theory]
    [InlineData("GET /none HTTP/1.1\r\nHost: a\r\n\r\n", 404, "route-not-found")]
    [InlineData("PATCH /only HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405, "method-not-allowed")]
    [InlineData("GET /only/../x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad-path")]
    [InlineData("POST /only HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 413, "body-too-large")]
    [InlineData("GET /only HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400, "bad-request")]
    [InlineData("GET /only HTTP/1.1\r\nHost: a\r\nVia: 1 postern, 1 postern, 1 postern, 1 postern, 1 postern, 1 postern, 1 postern, 1 postern\r\n\r\n", 508, "loop-detected")]
    [InlineData("GET /only HTTP/1.1\r\nHost: a\r\nX-A: a\0b\r\n\r\n", 400, "bad-request")]
    [InlineData("GET /only HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad-request")]
    [InlineData("POST /only HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, "bad-request")]
    [InlineData("POST /only HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad-request")]
    [InlineData("POST /only HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "bad-request")]
    [InlineData("GET /only HTTP/3.0\r\nHost: a\r\n\r\n", 505, "http-version")]
    [InlineData("GET /only HTTP/1.1\r\nHost: a\r\n folded: 1\r\n\r\n", 400, "bad-request")]
    public async Task A_refusal_is_a_problem_too(string request, int status, string code)
    {
        await using var upstream = ScriptedUpstream.Serving(connection => connection.DrainAsync());
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              up: { url: {{upstream.Url}} }
            gates:
              web:
                identity: off
                routes:
                  - get: /only
                    to: http://up
                  - post: /only
                    to: http://up
            """);
        var answer = await gateway.SendRawAsync(request);
        await AssertProblemAsync(gateway, answer, status, code, upstream.Port);
        string[] allowed = status == 405 ? ["GET", "HEAD", "POST"] : [];
        Assert.Equal(allowed, (answer["Allow"] ?? "").Split(", ", StringSplitOptions.RemoveEmptyEntries).Order());
    }

    [Fact]
    public async Task The_trace_of_a_problem_is_the_one_the_upstream_was_told()
    {
        var told = "";
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            told = RawAnswer.Fields(await connection.ReadHeadAsync(), "traceparent").Single();
            connection.Close();
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        var answer = await gateway.SendRawAsync(Request);
        Assert.Equal(told.Split('-')[1], JsonDocument.Parse(answer.Body).RootElement.GetProperty("traceId").GetString());
    }

    private static async Task AssertProblemAsync(TestGateway gateway, RawAnswer answer, int status, string code, int port, int lines = 1)
    {
        Assert.Equal(status, answer.Status);
        Assert.Equal("application/problem+json", answer["Content-Type"]);
        Assert.Equal("no-store", answer["Cache-Control"]);
        Assert.DoesNotContain(port.ToString(), answer.Body);
        Assert.DoesNotContain("127.0.0.1", answer.Body);
        Assert.DoesNotContain("   at ", answer.Body);
        Assert.DoesNotContain("Exception", answer.Body);
        var problem = JsonDocument.Parse(answer.Body).RootElement;
        Assert.Equal(["type", "title", "status", "detail", "code", "traceId"], problem.EnumerateObject().Select(p => p.Name));
        Assert.Equal($"urn:postern:error:{code}", problem.GetProperty("type").GetString());
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.Equal(code, problem.GetProperty("code").GetString());
        var line = (await gateway.LogAsync(lines))[lines - 1];
        Assert.Equal(status, line.GetProperty("status").GetInt32());
        Assert.Equal(code, line.GetProperty("failure").GetString());
        Assert.Equal(problem.GetProperty("traceId").GetString(), line.GetProperty("traceId").GetString());
        Assert.Equal(answer["X-Request-Id"], line.GetProperty("requestId").GetString());
    }
}
