using System.Text.Json;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>One line for each request, whatever became of it.</summary>
public sealed class AccessLogTests
{
    private static readonly TimeSpan Recently = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task A_request_that_went_well_says_where_it_went()
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello");
        await using var gateway = await StartAsync(upstream.Url);
        await gateway.SendRawAsync("POST /web/things/7?token=secret HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nX-Request-Id: mine\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\nhi");
        var line = Assert.Single(await gateway.LogAsync(1));
        AssertFields(line, new()
        {
            ["gate"] = "web", ["route"] = "POST /web/things/{id}", ["method"] = "POST", ["path"] = "/web/things/7", ["status"] = "201", ["bytes"] = "5",
            ["upstream"] = "up", ["destination"] = $"127.0.0.1:{upstream.Port}", ["traceId"] = "4bf92f3577b34da6a3ce929d0e0e4736",
            ["requestId"] = "mine", ["client"] = "127.0.0.1",
        });
        Assert.InRange(TimeProvider.System.GetUtcNow() - line.GetProperty("time").GetDateTimeOffset(), TimeSpan.Zero, Recently);
        Assert.InRange(line.GetProperty("duration").GetDouble(), 0.001, Recently.TotalMilliseconds);
        Assert.DoesNotContain("secret", line.ToString());
    }

    [Fact]
    public async Task A_refusal_has_no_upstream_and_a_code()
    {
        await using var gateway = await StartAsync("http://127.0.0.1:1");
        var answer = await gateway.SendRawAsync("GET /web/none HTTP/1.1\r\nHost: a\r\n\r\n");
        AssertFields((await gateway.LogAsync(1))[0], new()
        {
            ["gate"] = "web", ["route"] = "", ["method"] = "GET", ["path"] = "/web/none", ["status"] = "404", ["bytes"] = $"{answer.Body.Length}",
            ["failure"] = "route-not-found", ["client"] = "127.0.0.1",
        }, "traceId", "requestId");
    }

    [Fact]
    public async Task What_is_no_request_is_logged_too()
    {
        await using var gateway = await StartAsync("http://127.0.0.1:1");
        Assert.Equal(400, (await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a b\r\n\r\n")).Status);
        var line = (await gateway.LogAsync(1))[0];
        Assert.Equal("bad-request", line.GetProperty("failure").GetString());
        Assert.Equal(400, line.GetProperty("status").GetInt32());
    }

    [Fact]
    public async Task An_upstreams_failure_has_its_reason()
    {
        await using var upstream = ScriptedUpstream.Answering("rubbish\r\n\r\n");
        await using var gateway = await StartAsync(upstream.Url);
        var answer = await gateway.SendRawAsync("POST /web/things/7 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        var line = (await gateway.LogAsync(1))[0];
        AssertFields(line, new()
        {
            ["gate"] = "web", ["route"] = "POST /web/things/{id}", ["method"] = "POST", ["path"] = "/web/things/7", ["status"] = "502", ["bytes"] = $"{answer.Body.Length}",
            ["upstream"] = "up", ["destination"] = $"127.0.0.1:{upstream.Port}", ["failure"] = "upstream-protocol", ["client"] = "127.0.0.1",
        }, "traceId", "requestId", "reason");
        Assert.Contains("status line", line.GetProperty("reason").GetString());
    }

    [Fact]
    public async Task A_client_that_left_says_what_it_got()
    {
        var left = new TaskCompletionSource();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
            await connection.DrainAsync();
            left.TrySetResult();
        });
        await using var gateway = await StartAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("POST /web/things/7 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        await client.ReadUntilAsync("hello");
        client.Dispose();
        await left.Task.WaitAsync(TestGateway.Patience);
        AssertFields((await gateway.LogAsync(1))[0], new()
        {
            ["gate"] = "web", ["route"] = "POST /web/things/{id}", ["method"] = "POST", ["path"] = "/web/things/7", ["status"] = "200", ["bytes"] = "5",
            ["upstream"] = "up", ["destination"] = $"127.0.0.1:{upstream.Port}", ["failure"] = "client-gone", ["client"] = "127.0.0.1",
        }, "traceId", "requestId", "reason");
    }

    [Fact]
    public async Task Every_request_of_a_connection_is_counted_under_its_route()
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        await using var gateway = await StartAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        for (var i = 0; i < 5; i++)
        {
            await client.SendAsync($"POST /web/things/{i} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
            await client.ReadAnswerAsync();
        }
        var lines = await gateway.LogAsync(5);
        Assert.Equal(["/web/things/0", "/web/things/1", "/web/things/2", "/web/things/3", "/web/things/4"], lines.Select(l => l.GetProperty("path").GetString()));
        Assert.Equal(5, lines.Select(l => l.GetProperty("traceId").GetString()).Distinct().Count());
        Assert.Matches("""http_server_request_duration_seconds_count\{[^}]*http_response_status_code="200"[^}]*http_route="/web/things/\{id\}"[^}]*\} 5""", gateway.Metrics());
    }

    private static Task<TestGateway> StartAsync(string url) => TestGateway.StartAsync($$"""
        upstreams:
          up: { url: {{url}} }
        gates:
          web:
            match: { path: /web }
            identity: off
            routes:
              - post: /things/{id}
                to: http://up
        """);

    /// <summary>Exactly these fields have exactly these values; <paramref name="others"/> may be there with any.</summary>
    private static void AssertFields(JsonElement line, Dictionary<string, string> expected, params string[] others)
    {
        string[] always = ["time", "duration", .. others];
        var got = line.EnumerateObject().Where(p => !always.Contains(p.Name)).ToDictionary(p => p.Name, p => p.Value.ToString());
        Assert.Equal(expected.OrderBy(e => e.Key), got.OrderBy(g => g.Key));
    }
}
