using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>What a client gets where the upstream fails and something stands in for it.</summary>
public sealed class FallbackTests
{
    private const string Get = "GET /a/7?x=1 HTTP/1.1\r\nHost: a\r\n\r\n";
    private const string Nobody = "http://127.0.0.1:1";
    private const string Unavailable = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 6\r\nX-Secret: inner\r\nRetry-After: 7\r\n\r\nsecret";

    [Fact]
    public async Task Without_a_connection_the_fixed_answer_is_given_and_says_so()
    {
        await using var gateway = await TestGateway.BeforeAsync(Nobody, route: """fallback: { status: 203, headers: { X-Path: "/{rest}" }, body: '{"items":[]}' }""");
        var answer = await gateway.SendRawAsync(Get);
        Assert.Equal((203, """{"items":[]}""", "connect"), (answer.Status, answer.Body, answer["Postern-Fallback"]));
        Assert.Equal(("application/json", "no-store", "/a/7"), (answer["Content-Type"], answer["Cache-Control"], answer["X-Path"]));
        Assert.NotNull(answer["X-Request-Id"]);
        var line = (await gateway.LogAsync(1))[0];
        Assert.Equal((203, "connect", "up"), (line.GetProperty("status").GetInt32(), line.GetProperty("fallback").GetString(), line.GetProperty("upstream").GetString()));
        Assert.Contains("127.0.0.1:1", line.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.False(line.TryGetProperty("failure", out _));
        Assert.Contains("postern_fallbacks_total{gate=\"web\",route=\"ANY /{**rest}\",reason=\"connect\"} 1\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ items: [], page: 1, note: \"5\", more: null }", """{"items":[],"page":1,"note":"5","more":null}""", "application/json")]
    [InlineData("[]", "[]", "application/json"), InlineData("7", "7", "application/json"), InlineData("\"\"", "", "text/plain; charset=utf-8")]
    [InlineData("it is {late}", "it is {late}", "text/plain; charset=utf-8")]
    public async Task A_body_is_a_text_or_what_is_written_as_a_mapping_or_a_list(string body, string sent, string type)
    {
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { up: { url: "{{Nobody}}" } }
            gates:
              web:
                identity: off
                routes:
                  - get: /fallback
                    to: http://up
                    fallback:
                      body: {{body}}
                  - get: /respond
                    respond:
                      body: {{body}}
            """);
        foreach (var path in new[] { "/fallback", "/respond" })
        {
            var answer = await gateway.SendRawAsync($"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.Equal((sent, type), (answer.Body, answer["Content-Type"]));
        }
    }

    [Fact]
    public async Task The_next_request_on_the_connection_knows_nothing_of_it()
    {
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { up: { url: "{{Nobody}}" } }
            gates:
              web:
                identity: off
                routes:
                  - { get: "/a/{**rest}", to: http://up, fallback: { status: 204 } }
                  - { get: /b, respond: { body: hello } }
            """);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(Get);
        var first = await client.ReadAnswerAsync();
        Assert.Equal((204, "connect"), (first.Status, first["Postern-Fallback"]));
        await client.SendAsync("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
        var second = await client.ReadAnswerAsync();
        Assert.Equal(("hello", null), (second.Body, second["Postern-Fallback"]));
        Assert.False((await gateway.LogAsync(2))[1].TryGetProperty("fallback", out _));
    }

    [Fact]
    public async Task An_answer_that_does_not_come_in_time_is_stood_in_for()
    {
        await using var upstream = new ScriptedUpstream();
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "timeout: 50ms", "fallback: { body: later }");
        var answer = await gateway.SendRawAsync(Get);
        Assert.Equal((200, "later", "timeout", "text/plain; charset=utf-8"), (answer.Status, answer.Body, answer["Postern-Fallback"], answer["Content-Type"]));
    }

    [Fact]
    public async Task An_open_breaker_is_stood_in_for_without_a_call()
    {
        await using var upstream = ScriptedUpstream.Answering(Unavailable);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "breaker: { failures: 2, openFor: 30s }", "fallback: { status: 503, body: later }");
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal((503, "secret"), await AskAsync());
        }
        Assert.Equal((503, "later"), await AskAsync());
        var answer = await gateway.SendRawAsync(Get);
        Assert.Equal("open", answer["Postern-Fallback"]);
        // When trying again may help is known, so it is told.
        Assert.InRange(int.Parse(answer["Retry-After"]!, CultureInfo.InvariantCulture), 1, 60);

        async Task<(int, string)> AskAsync()
        {
            var answer = await gateway.SendRawAsync(Get);
            return (answer.Status, answer.Body);
        }
    }

    [Fact]
    public async Task It_comes_after_all_tries()
    {
        var asked = 0;
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequestAsync() is { Length: > 0 })
            {
                Interlocked.Increment(ref asked);
                await connection.WriteAsync("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "retry: { attempts: 3, on: [503], backoff: 1ms..1ms, minPerSecond: 100 }", "fallback: { body: x, on: 503 }");
        var answer = await gateway.SendRawAsync(Get);
        Assert.Equal((200, "503", 3), (answer.Status, answer["Postern-Fallback"], asked));
    }

    [Theory]
    [InlineData("maxConnections: 1, connectTimeout: 50ms")]
    [InlineData("maxConcurrent: 1")]
    public async Task Where_no_place_is_free_it_is_full(string bound)
    {
        var held = new TaskCompletionSource();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            held.TrySetResult();
            await connection.DrainAsync();
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, bound, "fallback: { body: x }");
        using var first = await gateway.ConnectAsync();
        await first.SendAsync(Get);
        await held.Task.WaitAsync(TestGateway.Patience);
        var answer = await gateway.SendRawAsync(Get);
        Assert.Equal((200, "full"), (answer.Status, answer["Postern-Fallback"]));
    }

    [Theory]
    [InlineData("fallback: { body: x }", 502, null)]
    [InlineData("fallback: { body: x, on: reset }", 200, "reset")]
    [InlineData("fallback: { body: x, on: 502 }", 200, "reset")]
    [InlineData("fallback: { body: x, on: [5xx] }", 200, "reset")]
    [InlineData("fallback: { body: x, on: [connect, 503, 504] }", 502, null)]
    public async Task A_connection_that_ends_is_stood_in_for_where_it_is_asked_for(string route, int status, string? marked)
    {
        await using var upstream = ScriptedUpstream.Answering("", close: true);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: route);
        var answer = await gateway.SendRawAsync(Get);
        Assert.Equal((status, marked), (answer.Status, answer["Postern-Fallback"]));
    }

    [Theory]
    [InlineData("fallback: { body: x }", 503, null)]
    [InlineData("fallback: { body: x, on: [5xx] }", 200, "503")]
    [InlineData("fallback: { body: x, on: 503 }", 200, "503")]
    [InlineData("fallback: { body: x, on: 400-503 }", 200, "503")]
    [InlineData("fallback: { body: x, on: [500, 502, 504, connect] }", 503, null)]
    public async Task A_status_is_stood_in_for_where_it_is_asked_for(string route, int status, string? marked)
    {
        await using var upstream = ScriptedUpstream.Answering(Unavailable);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: route);
        var answer = await gateway.SendRawAsync(Get);
        Assert.Equal((status, marked), (answer.Status, answer["Postern-Fallback"]));
        // Nothing of the answer that was stood in for.
        Assert.Equal((marked is null ? "secret" : "x", marked is null), (answer.Body, answer["X-Secret"] is not null));
    }

    [Fact]
    public async Task The_connection_of_an_answer_that_is_thrown_away_serves_the_next_call()
    {
        await using var upstream = ScriptedUpstream.Answering(Unavailable);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: "fallback: { body: later, on: 5xx }");
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("later", (await gateway.SendRawAsync(Get)).Body);
        }
        Assert.Equal(1, upstream.Accepted);
    }

    [Fact]
    public async Task A_status_class_takes_the_gateways_own_answers_too()
    {
        await using var gateway = await TestGateway.BeforeAsync(Nobody, route: "fallback: { body: x, on: [5xx] }");
        var answer = await gateway.SendRawAsync(Get);
        Assert.Equal((200, "connect"), (answer.Status, answer["Postern-Fallback"]));
    }

    [Fact]
    public async Task Good_answers_pass_as_they_are()
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: "fallback: { body: x, on: [5xx] }");
        var answer = await gateway.SendRawAsync(Get);
        Assert.Equal((404, "gone", null), (answer.Status, answer.Body, answer["Postern-Fallback"]));
    }

    [Fact]
    public async Task Once_the_answer_has_begun_nothing_stands_in()
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", close: true);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: "fallback: { body: x, on: [5xx, reset, connect, timeout] }");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(Get);
        Assert.EndsWith("\r\n\r\nhalf", await client.ReadToEndAsync(), StringComparison.Ordinal);
        var line = (await gateway.LogAsync(1))[0];
        Assert.Equal("upstream-broken", line.GetProperty("failure").GetString());
        Assert.False(line.TryGetProperty("fallback", out _));
    }

    [Fact]
    public async Task What_is_the_clients_fault_is_told_to_the_client()
    {
        await using var gateway = await TestGateway.BeforeAsync(Nobody, route: "maxBody: 10B\nfallback: { body: x, on: [4xx, 5xx] }");
        var answer = await gateway.SendRawAsync("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world");
        Assert.Equal((413, null), (answer.Status, answer["Postern-Fallback"]));
    }

    [Fact]
    public async Task A_HEAD_gets_the_length_alone()
    {
        await using var gateway = await TestGateway.BeforeAsync(Nobody, route: "fallback: { body: hello }");
        var answer = await gateway.SendRawAsync("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal((200, "5", "connect"), (answer.Status, answer["Content-Length"], answer["Postern-Fallback"]));
    }

    [Fact]
    public async Task A_gates_fallback_is_its_routes_but_for_those_that_say_otherwise()
    {
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { up: { url: "{{Nobody}}" } }
            gates:
              web:
                identity: off
                fallback: { status: 503, headers: { Retry-After: "30" }, body: gate }
                routes:
                  - { get: /a, to: http://up }
                  - { get: /b, to: http://up, fallback: { body: route } }
                  - { get: /c, to: http://up, fallback: off }
            """);
        var a = await gateway.SendRawAsync("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal((503, "gate", "30"), (a.Status, a.Body, a["Retry-After"]));
        Assert.Equal("route", (await gateway.SendRawAsync("GET /b HTTP/1.1\r\nHost: a\r\n\r\n")).Body);
        var c = await gateway.SendRawAsync("GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal((502, "application/problem+json", null), (c.Status, c["Content-Type"], c["Postern-Fallback"]));
    }

    [Fact]
    public async Task Another_upstream_answers_in_its_own_words()
    {
        await using var standby = ScriptedUpstream.Serving(async connection =>
        {
            var head = await connection.ReadRequestAsync();
            var line = head[..head.IndexOf("\r\n", StringComparison.Ordinal)];
            await connection.WriteAsync($"HTTP/1.1 200 OK\r\nX-From: standby\r\nContent-Length: {line.Length}\r\n\r\n{line}");
        });
        await using var gateway = await StandbyAsync(Nobody, standby.Url, "fallback: { to: 'http://standby/old/{id}?from=gateway' }");
        var answer = await gateway.SendRawAsync(Get);
        Assert.Equal((200, "GET /old/7?from=gateway&x=1 HTTP/1.1", "standby", "connect"), (answer.Status, answer.Body, answer["X-From"], answer["Postern-Fallback"]));
        var log = (await gateway.LogAsync(1))[0];
        Assert.Equal(("standby", $"127.0.0.1:{standby.Port}", "connect"),
            (log.GetProperty("upstream").GetString(), log.GetProperty("destination").GetString(), log.GetProperty("fallback").GetString()));
    }

    [Fact]
    public async Task The_standbys_failure_is_the_answer_and_nobody_else_is_asked()
    {
        await using var standby = ScriptedUpstream.Answering("rubbish\r\n\r\n");
        await using var gateway = await StandbyAsync(Nobody, standby.Url, "fallback: { to: http://standby, on: [5xx] }");
        var answer = await gateway.SendRawAsync(Get);
        Assert.Equal((502, "connect"), (answer.Status, answer["Postern-Fallback"]));
        Assert.Contains("upstream-protocol", answer.Body, StringComparison.Ordinal);
        Assert.Equal(1, standby.Accepted);
        Assert.Equal("upstream-protocol", (await gateway.LogAsync(1))[0].GetProperty("failure").GetString());
    }

    [Fact]
    public async Task A_body_that_was_not_begun_goes_to_the_standby()
    {
        await using var standby = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            await context.Response.WriteAsync($"{context.Request.Method} {await reader.ReadToEndAsync()}");
        });
        await using var gateway = await StandbyAsync(Nobody, standby.Url, "fallback: { to: http://standby }");
        var answer = await gateway.SendRawAsync("POST /a/7 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        Assert.Equal((200, "POST hello", "connect"), (answer.Status, answer.Body, answer["Postern-Fallback"]));
    }

    [Theory]
    [InlineData("fallback: { to: http://standby, on: 5xx }", 503, "secret", null)]
    [InlineData("fallback: { status: 200, body: fixed, on: 5xx }", 200, "fixed", "503")]
    public async Task With_a_body_that_is_gone_nobody_can_be_asked_but_a_fixed_answer_can_be_given(string route, int status, string body, string? marked)
    {
        await using var upstream = ScriptedUpstream.Answering(Unavailable);
        await using var standby = ScriptedUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        await using var gateway = await StandbyAsync(upstream.Url, standby.Url, route);
        var answer = await gateway.SendRawAsync("POST /a/7 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        Assert.Equal((status, body, marked), (answer.Status, answer.Body, answer["Postern-Fallback"]));
        Assert.Equal(0, standby.Accepted);
    }

    [Fact]
    public async Task A_client_that_left_is_stood_in_for_by_nobody()
    {
        var arrived = new TaskCompletionSource();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            arrived.TrySetResult();
            await connection.DrainAsync();
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: "fallback: { body: x, on: [4xx, 5xx, reset, connect, timeout] }");
        using (var client = await gateway.ConnectAsync())
        {
            await client.SendAsync(Get);
            await arrived.Task.WaitAsync(TestGateway.Patience);
        }
        var line = (await gateway.LogAsync(1))[0];
        Assert.Equal(499, line.GetProperty("status").GetInt32());
        Assert.False(line.TryGetProperty("fallback", out _));
    }

    [Theory]
    [InlineData("fallback: { body: x }", 502, null)]
    [InlineData("fallback: { status: 503, body: x }", 503, "connect")]
    public async Task No_fixed_answer_opens_a_WebSocket_over_HTTP_2(string route, int status, string? marked)
    {
        await using var gateway = await TestGateway.BeforeAsync(Nobody, route: route);
        using var client = gateway.Client(HttpVersion.Version20);
        using var request = new HttpRequestMessage(HttpMethod.Connect, "/ws") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Headers.Protocol = "websocket";
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal((status, marked), ((int)answer.StatusCode, answer.Headers.TryGetValues("Postern-Fallback", out var values) ? values.Single() : null));
    }

    [Theory]
    [InlineData("page.html", "<p>later</p>", "text/html; charset=utf-8")]
    [InlineData("list.json", "[]", "application/json")]
    [InlineData("list", "[]", "application/json")]
    [InlineData("note.txt", "later", "text/plain; charset=utf-8")]
    public async Task A_file_is_the_body_and_its_name_says_what_it_is(string file, string text, string type)
    {
        using var folder = new TempFolder();
        await using var gateway = await TestGateway.BeforeAsync(Nobody, route: $"fallback: {{ status: 503, file: {folder.Write(file, text)} }}");
        var answer = await gateway.SendRawAsync(Get);
        Assert.Equal((503, text, type), (answer.Status, answer.Body, answer["Content-Type"]));
    }

    [Fact]
    public async Task A_parameter_in_a_field_cant_end_the_field()
    {
        await using var gateway = await TestGateway.BeforeAsync(Nobody, route: """fallback: { status: 302, headers: { Location: "https://a.example/{rest}" } }""");
        var answer = await gateway.SendRawAsync("GET /a%0d%0aX-Evil:%201 HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Null(answer["X-Evil"]);
    }

    private static Task<TestGateway> StandbyAsync(string up, string standby, string route) => TestGateway.StartAsync($$"""
        upstreams: { up: { url: "{{up}}" }, standby: { url: "{{standby}}" } }
        gates:
          web:
            identity: off
            routes:
              - any: "/a/{id}"
                to: http://up
                {{route}}
        """);
}
