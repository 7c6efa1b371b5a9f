using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.Backends.Composing;

/// <summary>What a failing source does to an answer.</summary>
public sealed class FailureTests
{
    private static string Two(string bad) => $$"""
        - get: /x
          compose:
            good: { get: http://svc/good }
            bad: {{bad}}
          meta: _meta
        """;

    public static TheoryData<string, string, int, string> Bodies() => new()
    {
        { "{\"a\":1,\"a\":2}", "application/json", 200, "invalid" },
        { "{\"a\":1,\"\\u0061\":2}", "application/json", 200, "invalid" },
        { new string('[', 65) + new string(']', 65), "application/json", 200, "invalid" },
        { "\"\u00ff\"", "application/json", 200, "invalid" },
        { "{\"a\":1", "application/json", 200, "invalid" },
        { "{} {}", "application/json", 200, "invalid" },
        { "<html>", "text/html", 200, "invalid" },
        { "{}", "text/plain", 200, "invalid" },
        { "", "application/json", 200, "invalid" },
        { "NaN", "application/json", 200, "invalid" },
        { "{}", "application/json", 500, "500" },
        { "{}", "application/json", 301, "301" },
        { "{}", "application/json", 404, "404" },
        { "{}", "application/json", 429, "429" },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task An_answer_that_cant_be_used_is_its_sources_failure_and_seen_everywhere(string body, string type, int status, string reason)
    {
        await using var services = Services.Start().On("/good", "1").On("/bad", body, status, type);
        await using var gateway = await services.GatewayAsync(Two("{ get: http://svc/bad }"));
        using var client = gateway.Client();

        var answer = await client.GetAsync("/x");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.StartsWith("""{"good":1,"bad":null,"_meta":{"partial":true,"failedSources":["bad"],"responseTimeMs":""", await answer.Content.ReadAsStringAsync());
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        var line = Assert.Single(await gateway.LogAsync(1));
        Assert.Equal(reason, line.GetProperty("failedSources").GetProperty("bad").GetString());
        Assert.StartsWith("bad: it", line.GetProperty("reason").GetString());
        Assert.Contains($"postern_sources_total{{gate=\"web\",route=\"GET /x\",source=\"bad\",result=\"{reason}\"}} 1", gateway.Metrics());
        Assert.Contains("postern_sources_total{gate=\"web\",route=\"GET /x\",source=\"good\",result=\"ok\"} 1", gateway.Metrics());
        Assert.Contains("postern_partial_answers_total{gate=\"web\",route=\"GET /x\"} 1", gateway.Metrics());
    }

    [Theory]
    [InlineData("application/json; charset=utf-8", true)]
    [InlineData("application/problem+json", true)]
    [InlineData("APPLICATION/JSON", true)]
    [InlineData("application/jsonp", false)]
    [InlineData("+json", false)]
    public async Task What_is_JSON_is_said_by_its_type(string type, bool taken)
    {
        await using var services = Services.Start().On("/good", "1").On("/bad", "2", 200, type);
        await using var gateway = await services.GatewayAsync(Two("{ get: http://svc/bad }").Replace("  meta: _meta", ""));
        using var client = gateway.Client();

        Assert.Equal($$"""{"good":1,"bad":{{(taken ? "2" : "null")}}}""", await client.GetStringAsync("/x"));
    }

    [Fact]
    public async Task A_body_that_was_compressed_unasked_is_refused()
    {
        await using var services = Services.Start().On("/good", "1").On("/bad", context =>
        {
            context.Response.ContentType = "application/json";
            context.Response.Headers.ContentEncoding = "gzip";
            return context.Response.WriteAsync("{}");
        });
        await using var gateway = await services.GatewayAsync(Two("{ get: http://svc/bad, fallback: [] }"));
        using var client = gateway.Client();

        Assert.StartsWith("""{"good":1,"bad":[],"_meta":{"partial":true,"failedSources":["bad"]""", await client.GetStringAsync("/x"));
    }

    [Theory]
    [InlineData("maxBytes: 100B", true)]
    [InlineData("maxBytes: 100B", false)]
    public async Task A_body_over_maxBytes_is_refused_with_a_length_and_without(string bound, bool length)
    {
        await using var services = Services.Start().On("/good", "1").On("/bad", async context =>
        {
            context.Response.ContentType = "application/json";
            var body = Encoding.ASCII.GetBytes("\"" + new string('x', 99) + "\"");
            context.Response.ContentLength = length ? body.Length : null;
            await context.Response.Body.WriteAsync(body);
        });
        await using var gateway = await services.GatewayAsync(Two($"{{ get: http://svc/bad, {bound} }}"));
        using var client = gateway.Client();

        Assert.StartsWith("""{"good":1,"bad":null,"_meta""", await client.GetStringAsync("/x"));
        Assert.Equal("too-large", (await gateway.LogAsync(1))[0].GetProperty("failedSources").GetProperty("bad").GetString());
    }

    [Fact]
    public async Task All_sources_together_have_a_bound_too()
    {
        var large = "\"" + new string('x', 800) + "\"";
        await using var services = Services.Start().On("/a", large).On("/b", large);
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              maxBytes: 1KB
              compose: { a: { get: http://svc/a }, b: { get: "http://svc/b?n={length(a)}" } }
            """);
        using var client = gateway.Client();

        Assert.Equal($$"""{"a":{{large}},"b":null}""", await client.GetStringAsync("/x"));
    }

    [Theory]
    [InlineData("http://svc/401", 401, "source-unauthenticated")]
    [InlineData("http://svc/403", 403, "source-forbidden")]
    [InlineData("http://svc/404", 404, "source-not-found")]
    [InlineData("http://svc/400", 502, "source-failed")]
    [InlineData("http://svc/503", 503, "source-unavailable")]
    [InlineData("http://svc/302", 502, "source-failed")]
    [InlineData("http://svc/invalid", 502, "source-failed")]
    [InlineData("http://svc/reset", 502, "source-failed")]
    [InlineData("http://down/x", 503, "source-unavailable")]
    [InlineData("http://svc/never", 504, "source-timeout")]
    [InlineData("http://svc/trickle", 504, "source-timeout")]
    public async Task A_required_source_fails_the_answer_in_its_own_words(string url, int status, string code)
    {
        await using var services = Services.Start().On("/good", "1").On("/invalid", "{").On("/reset", context =>
        {
            context.Abort();
            return Task.CompletedTask;
        }).On("/never", context => Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default)).On("/trickle", async context =>
        {
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync("[");
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        });
        foreach (var answered in new[] { 400, 401, 403, 503, 302 })
        {
            services.On($"/{answered}", "{\"secret\":1}", answered);
        }
        await using var gateway = await services.GatewayAsync(Two($"{{ get: {url}, required: true, timeout: 300ms }}").Replace("/404", "/nothing"));
        using var client = gateway.Client();

        var answer = await client.GetAsync("/x");
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal((code, "bad", status), (problem.GetProperty("code").GetString(), problem.GetProperty("source").GetString(), problem.GetProperty("status").GetInt32()));
        Assert.DoesNotContain("secret", problem.GetRawText());
        Assert.Equal(code, (await gateway.LogAsync(1))[0].GetProperty("failure").GetString());
    }

    [Fact]
    public async Task A_required_failure_answers_at_once_and_cancels_the_others()
    {
        var (begun, cancelled) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var services = Services.Start().On("/slow", async context =>
        {
            context.RequestAborted.Register(() => cancelled.TrySetResult());
            begun.SetResult();
            await cancelled.Task.WaitAsync(TestGateway.Patience);
        }).On("/bad", async context =>
        {
            await begun.Task.WaitAsync(TestGateway.Patience);
            context.Response.StatusCode = 404;
        });
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                slow: { get: http://svc/slow }
                never: { get: "http://svc/never?s={slow}" }
                bad: { get: http://svc/bad, required: true }
            """);
        using var client = gateway.Client();

        var answer = await client.GetAsync("/x");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        await cancelled.Task.WaitAsync(TestGateway.Patience);
        Assert.DoesNotContain(services.Asked, a => a.Contains("/never"));
    }

    [Fact]
    public async Task An_open_breaker_is_a_failure_like_any_other_and_says_when_to_try_again()
    {
        await using var services = Services.Start().On("/good", "1").On("/bad", "{}", 500);
        await using var broken = Services.Start().On("/bad", "{}", 500);
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              svc: { url: {{services.Url}} }
              weak: { url: {{broken.Url}}, breaker: { failures: 1, openFor: 60s } }
            gates:
              web:
                identity: off
                routes:
                  - { get: /soft, compose: { good: { get: http://svc/good }, bad: { get: http://weak/bad } }, meta: m }
                  - { get: /hard, compose: { good: { get: http://svc/good }, bad: { get: http://weak/bad, required: true } } }
            """);
        using var client = gateway.Client();
        await client.GetAsync("/soft");

        Assert.Contains("\"failedSources\":[\"bad\"]", await client.GetStringAsync("/soft"));
        var hard = await client.GetAsync("/hard");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, hard.StatusCode);
        Assert.NotNull(hard.Headers.RetryAfter);
        Assert.Single(broken.Asked);
        Assert.Equal("open", (await gateway.LogAsync(3))[1].GetProperty("failedSources").GetProperty("bad").GetString());
    }

    [Fact]
    public async Task A_fallback_of_the_route_stands_in_for_an_answer_that_cant_be_made()
    {
        await using var services = Services.Start().On("/good", "1");
        await using var gateway = await services.GatewayAsync("""
            - get: /down
              fallback: { body: "{}", on: [connect, 404] }
              compose: { a: { get: http://down/x, required: true } }
            - get: /missing
              fallback: { body: "[]", on: [connect, 404] }
              compose: { a: { get: http://svc/nothing, required: true } }
            - get: /other
              fallback: { body: "[]", on: timeout }
              compose: { a: { get: http://svc/nothing, required: true } }
            """);
        using var client = gateway.Client();

        var (down, missing, other) = (await client.GetAsync("/down"), await client.GetAsync("/missing"), await client.GetAsync("/other"));

        Assert.Equal(("{}", "connect"), (await down.Content.ReadAsStringAsync(), down.Headers.GetValues("Postern-Fallback").Single()));
        Assert.Equal(("[]", "404"), (await missing.Content.ReadAsStringAsync(), missing.Headers.GetValues("Postern-Fallback").Single()));
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
    }

    [Fact]
    public async Task The_challenge_of_a_401_is_the_clients_only_where_its_credential_was_sent()
    {
        await using var services = Services.Start().On("/401", context =>
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = "Bearer realm=\"x\"";
            return Task.CompletedTask;
        });
        await using var gateway = await services.GatewayAsync("""
            - get: /own
              compose: { a: { get: http://svc/401, required: true } }
            - get: /forwarded
              compose: { a: { get: http://svc/401, required: true, forward: authorization } }
            """);
        using var client = gateway.Client();

        Assert.Empty((await client.GetAsync("/own")).Headers.WwwAuthenticate);
        Assert.Equal("Bearer realm=\"x\"", (await client.GetAsync("/forwarded")).Headers.WwwAuthenticate.Single().ToString());
    }

    [Fact]
    public async Task What_depends_on_a_failed_source_fails_with_it_unless_it_can_do_without()
    {
        await using var services = Services.Start().On("/b", "2");
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                a: { get: http://down/a }
                b: { get: "http://svc/b?id={a.id || 'none'}" }
                c: { get: "http://svc/c/{a.id}" }
                d: { post: "http://svc/d", body: { id: a.id } }
                e: { get: http://svc/b, when: "!a" }
              meta: m
            """);
        using var client = gateway.Client();

        Assert.StartsWith("""{"a":null,"b":2,"c":null,"d":null,"e":2,"m":{"partial":true,"failedSources":["a","c","d"],""", await client.GetStringAsync("/x"));
        Assert.Equal(["GET /b", "GET /b?id=none"], services.Asked.Order());
    }
}
