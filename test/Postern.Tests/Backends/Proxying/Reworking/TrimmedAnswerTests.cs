using System.Net;
using System.Text;
using System.Text.Json;
using Postern.Tests.Harness;

namespace Postern.Tests.Backends.Proxying.Reworking;

public sealed class TrimmedAnswerTests
{
    private const string Drop = "drop: [_internalScore, debugInfo, \"items[].cost\"]";

    private static string Json(string body, int status = 200, string fields = "", string type = "application/json") =>
        $"HTTP/1.1 {status} X\r\nContent-Type: {type}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n{fields}\r\n{body}";

    [Fact]
    public async Task A_small_answer_comes_trimmed_with_its_length()
    {
        await using var upstream = ScriptedUpstream.Answering(Json("""{ "id": 1, "_internalScore": 0.5, "items": [{"cost": 3, "qty": 2}] }"""));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);

        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal("""{"id":1,"items":[{"qty":2}]}""", answer.Body);
        Assert.Equal("28", answer["Content-Length"]);
        Assert.Null(answer["Transfer-Encoding"]);
        var line = Assert.Single(await gateway.LogAsync(1));
        Assert.Equal(28, line.GetProperty("bytes").GetInt64());
        Assert.Contains("postern_rework_read_bytes_total{gate=\"web\",route=\"ANY /{**rest}\"} 68", gateway.Metrics());
        Assert.Contains("postern_rework_written_bytes_total{gate=\"web\",route=\"ANY /{**rest}\"} 28", gateway.Metrics());
    }

    [Fact]
    public async Task A_route_has_its_gates_keys_unless_it_has_its_own_or_turns_them_off()
    {
        await using var upstream = ScriptedUpstream.Answering(Json("""{"a":1,"b":2,"c":3}"""));
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { up: { url: {{upstream.Url}} } }
            gates:
              web:
                identity: off
                drop: [a]
                rename: { b: B }
                routes:
                  - { get: /inherited, to: http://up }
                  - { get: /own, to: http://up, drop: b, rename: off }
                  - { get: /off, to: http://up, drop: off, rename: off }
                  - { get: /picked, to: http://up, pick: [b] }
            """);
        using var client = gateway.Client();

        Assert.Equal("""{"B":2,"c":3}""", await client.GetStringAsync("/inherited"));
        Assert.Equal("""{"a":1,"c":3}""", await client.GetStringAsync("/own"));
        Assert.Equal("""{"a":1,"b":2,"c":3}""", await client.GetStringAsync("/off"));
        Assert.Equal("""{"B":2}""", await client.GetStringAsync("/picked"));
    }

    [Fact]
    public async Task The_upstream_is_asked_for_the_whole_answer_as_it_is()
    {
        var asked = new TaskCompletionSource<string>();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            asked.SetResult(await connection.ReadRequestAsync());
            await connection.WriteAsync(Json("{}"));
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);

        await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br\r\nRange: bytes=0-1\r\nIf-Range: \"x\"\r\nIf-None-Match: \"x\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\nAccept: */*\r\n\r\n");

        var request = await asked.Task.WaitAsync(TestGateway.Patience);
        Assert.Contains("Accept: */*", request);
        Assert.DoesNotMatch("(?im)^(Accept-Encoding|Range|If-.*):", request);
    }

    [Fact]
    public async Task A_change_keeps_its_condition()
    {
        var asked = new TaskCompletionSource<string>();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            asked.SetResult(await connection.ReadRequestAsync());
            await connection.WriteAsync(Json("{}"));
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);

        await gateway.SendRawAsync("PUT / HTTP/1.1\r\nHost: a\r\nIf-Match: \"x\"\r\nContent-Length: 0\r\n\r\n");

        Assert.Contains("If-Match: \"x\"", await asked.Task.WaitAsync(TestGateway.Patience));
    }

    [Fact]
    public async Task What_spoke_of_the_upstreams_own_bytes_is_left_out()
    {
        await using var upstream = ScriptedUpstream.Answering(Json(
            """{"id":1}""", fields: "ETag: \"x\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nAccept-Ranges: bytes\r\nContent-MD5: x\r\nDigest: x\r\nContent-Digest: x\r\nRepr-Digest: x\r\nCache-Control: max-age=3\r\nContent-Encoding: identity\r\n"));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);

        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal(200, answer.Status);
        Assert.Equal("max-age=3", answer["Cache-Control"]);
        Assert.DoesNotMatch("(?im)^(ETag|Last-Modified|Accept-Ranges|Content-MD5|.*Digest|Content-Encoding):", answer.Head);
    }

    [Theory]
    [InlineData("HEAD", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 70\r\nETag: \"x\"\r\n\r\n", 200)]
    [InlineData("HEAD", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nETag: \"x\"\r\n\r\n", 200)]
    [InlineData("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", 304)]
    public async Task A_head_without_its_body_does_not_speak_of_the_upstreams_either(string method, string reply, int status)
    {
        await using var upstream = ScriptedUpstream.Answering(reply);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);

        var answer = await gateway.SendRawAsync($"{method} / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal(status, answer.Status);
        Assert.Null(answer["ETag"]);
        Assert.Null(answer["Content-Length"]);
    }

    [Theory]
    [InlineData("HTTP/1.1 204 No Content\r\nETag: \"x\"\r\n\r\n", 204, "")]
    [InlineData("HTTP/1.1 201 Created\r\nContent-Length: 0\r\nETag: \"x\"\r\n\r\n", 201, "")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nContent-Length: 9\r\nETag: \"x\"\r\n\r\ndata: {}\n", 200, "data: {}\n")]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 4\r\nContent-Encoding: gzip\r\nETag: \"x\"\r\n\r\n<p/>", 404, "<p/>")]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\nETag: \"x\"\r\n\r\n", 302, "")]
    public async Task What_has_nothing_to_trim_passes_as_it_is(string reply, int status, string body)
    {
        await using var upstream = ScriptedUpstream.Answering(reply);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);

        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal((status, body, "\"x\""), (answer.Status, answer.Body, answer["ETag"]));
    }

    [Fact]
    public async Task A_body_of_no_bytes_is_a_body_of_no_bytes()
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);

        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal((200, "0"), (answer.Status, answer["Content-Length"]));
    }

    [Theory]
    [InlineData(404, "application/problem+json")]
    [InlineData(500, "application/json; charset=utf-8")]
    [InlineData(303, "Application/VND.api+JSON")]
    [InlineData(400, "text/json")]
    public async Task What_is_dropped_is_dropped_from_errors_too_and_nothing_else_is_done_to_them(int status, string type)
    {
        await using var upstream = ScriptedUpstream.Answering(Json("""{"debugInfo":{"at":"line 3"},"code":7,"x":1}""", status, type: type));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: $"{Drop}\npick: [code]\nrename: {{ code: no }}");

        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal((status, """{"code":7,"x":1}""", type), (answer.Status, answer.Body, answer["Content-Type"]));
    }

    [Theory]
    [InlineData("Content-Type: text/plain\r\n", "{\"debugInfo\":1,\"a\":2}", 404, "{\"a\":2}")]
    [InlineData("", " [\n[{\"debugInfo\":1,\"a\":2}]]", 500, "[[{\"a\":2}]]")]
    [InlineData("Content-Type: text/html\r\n", "{\"debugInfo\":1}{}", 500, null)]
    [InlineData("Content-Type: application/json, text/plain\r\n", "\ufeff{\"debugInfo\":1}", 500, null)]
    [InlineData("Content-Type: text/plain\r\n", "[info] {\"debugInfo\":1}", 400, "[info] {\"debugInfo\":1}")]
    [InlineData("Content-Type: text/plain\r\n", "  ", 400, "  ")]
    [InlineData("Content-Type: text/plain\r\n", "Not here.", 404, "Not here.")]
    public async Task An_error_that_does_not_say_that_it_is_JSON_is_taken_for_what_it_begins_as(string fields, string body, int status, string? left)
    {
        foreach (var pieces in new[] { 1, body.Length })
        {
            await using var upstream = ScriptedUpstream.Answering($"HTTP/1.1 {status} X\r\n{fields}ETag: \"x\"\r\nTransfer-Encoding: chunked\r\n\r\n{Chunks(body, pieces)}0\r\n\r\n");
            await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);

            var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

            Assert.Equal(left is null ? 502 : status, answer.Status);
            Assert.Equal(left == body, answer["ETag"] is not null);
            Assert.True(left is null ? !answer.Body.Contains("debugInfo") : answer.Body == left, answer.Body);
        }
    }

    [Fact]
    public async Task A_long_error_that_is_no_JSON_passes_with_its_length()
    {
        var body = new string('x', 300_000);
        await using var upstream = ScriptedUpstream.Answering(Json(body, 500, "ETag: \"x\"\r\n", "text/plain"));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);

        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal((500, "300000", "\"x\"", body), (answer.Status, answer["Content-Length"], answer["ETag"], answer.Body));
    }

    private static string Chunks(string body, int pieces) => string.Concat(body.Chunk((body.Length + pieces - 1) / pieces)
        .Select(c => $"{Encoding.UTF8.GetByteCount(c):x}\r\n{new string(c)}\r\n"));

    [Fact]
    public async Task Errors_pass_as_they_are_where_nothing_is_dropped()
    {
        await using var upstream = ScriptedUpstream.Answering(Json("{ not json", 500, "ETag: \"x\"\r\n"));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: "pick: [code]");

        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal((500, "{ not json", "\"x\""), (answer.Status, answer.Body, answer["ETag"]));
    }

    [Theory]
    [InlineData(200, "text/html", "", "<p/>", "type")]
    [InlineData(200, "application/jsonx", "", "{}", "type")]
    [InlineData(200, "application/json", "Content-Encoding: gzip\r\n", "{}", "encoding")]
    [InlineData(500, "application/json", "Content-Encoding: br\r\n", "{}", "encoding")]
    [InlineData(206, "application/json", "Content-Range: bytes 0-1/2\r\n", "{}", "part")]
    [InlineData(200, "application/json", "", "{\"debugInfo\":1", "invalid")]
    [InlineData(200, "application/json", "", "{\"a\":1}{}", "invalid")]
    [InlineData(404, "application/json", "", "nothing here", "invalid")]
    public async Task What_cannot_be_trimmed_is_no_answer(int status, string type, string fields, string body, string reason)
    {
        await using var upstream = ScriptedUpstream.Answering(Json(body, status, fields, type));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);

        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal((502, "application/problem+json"), (answer.Status, answer["Content-Type"]));
        Assert.Equal("upstream-protocol", JsonDocument.Parse(answer.Body).RootElement.GetProperty("code").GetString());
        Assert.Contains($"postern_rework_failures_total{{gate=\"web\",route=\"ANY /{{**rest}}\",reason=\"{reason}\"}} 1", gateway.Metrics());
        Assert.Contains("the upstream", Assert.Single(await gateway.LogAsync(1)).GetProperty("reason").GetString());
    }

    [Fact]
    public async Task A_second_content_type_that_says_JSON_is_believed()
    {
        await using var upstream = ScriptedUpstream.Answering(Json("""{"debugInfo":1}""", 400, "Content-Type: application/json\r\n", "text/plain"));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);

        Assert.Equal("{}", (await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).Body);
    }

    [Fact]
    public async Task What_comes_is_sent_on_before_the_rest_is_there()
    {
        var seen = new TaskCompletionSource();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 70\r\n\r\n[{\"id\":1,\"debugInfo\":{\"x\":\"");
            await connection.WriteAsync("yyyyyyyyyyy\"}},");
            await seen.Task.WaitAsync(ScriptedUpstream.Patience);
            await connection.WriteAsync("{\"debugInfo\":[],\"id\":2");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Contains("Transfer-Encoding: chunked", await client.ReadHeadAsync());
        Assert.Contains("[{\"id\":1", await client.ReadUntilAsync("1"));
        seen.SetResult();
        Assert.Contains("2", await client.ReadUntilAsync("2"));
    }

    [Fact]
    public async Task An_answer_that_breaks_after_its_beginning_was_sent_ends_the_connection()
    {
        var seen = new TaskCompletionSource();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n[{\"id\":1},");
            await seen.Task.WaitAsync(ScriptedUpstream.Patience);
            await connection.WriteAsync("{\"id\":oh}]");
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await client.ReadUntilAsync("\"id\":1");
        seen.SetResult();

        Assert.DoesNotContain("\r\n0\r\n", await client.ReadToEndAsync());
        var line = Assert.Single(await gateway.LogAsync(1));
        Assert.Equal("upstream-broken", line.GetProperty("failure").GetString());
        Assert.Contains("not JSON at byte", line.GetProperty("reason").GetString());
    }

    [Fact]
    public async Task An_upstream_that_breaks_off_before_anything_was_sent_is_a_502()
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n  ", close: true);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);

        Assert.Equal(502, (await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).Status);
    }

    [Theory]
    [InlineData("fallback: { status: 200, body: '{\"instead\":1,\"debugInfo\":2}', on: [502] }")]
    [InlineData("fallback: { status: 200, body: '{\"instead\":1,\"debugInfo\":2}', on: [reset] }")]
    public async Task A_fallback_stands_in_for_what_cannot_be_trimmed(string fallback)
    {
        await using var upstream = ScriptedUpstream.Answering(Json("<p/>", type: "text/html", fields: "X-Own: 1\r\n"));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: $"{Drop}\n{fallback}");

        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal((200, "{\"instead\":1,\"debugInfo\":2}", null), (answer.Status, answer.Body, answer["X-Own"]));
        Assert.NotNull(answer["Postern-Fallback"]);
    }

    [Fact]
    public async Task What_a_fallback_asks_is_trimmed_too()
    {
        await using var upstream = ScriptedUpstream.Answering(Json("{oh"));
        await using var other = ScriptedUpstream.Answering(Json("""{"debugInfo":1,"id":2}"""));
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { up: { url: {{upstream.Url}} }, standby: { url: {{other.Url}} } }
            gates:
              web:
                identity: off
                routes:
                  - { get: /, to: http://up, {{Drop}}, fallback: { to: http://standby, on: [502] } }
            """);

        Assert.Equal("""{"id":2}""", (await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).Body);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Trailers_follow_without_those_that_spoke_of_the_upstreams_bytes(bool http2)
    {
        await using var upstream = ScriptedUpstream.Answering(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X-Took, Content-Digest\r\n\r\n14\r\n{\"id\":1,\"debugInfo\":2\r\n1\r\n}\r\n0\r\nX-Took: 3\r\nContent-Digest: x\r\n\r\n".Replace("14\r\n", "15\r\n"));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Drop);
        using var client = gateway.Client(http2 ? HttpVersion.Version20 : HttpVersion.Version11);

        using var answer = await client.GetAsync("/");

        Assert.Equal("""{"id":1}""", await answer.Content.ReadAsStringAsync());
        Assert.Equal("3", Assert.Single(answer.TrailingHeaders.GetValues("X-Took")));
        Assert.False(answer.TrailingHeaders.Contains("Content-Digest"));
    }
}
