using System.Net;
using System.Text.Json;
using Postern.Config;
using Postern.Tests.Harness;
using Postern.Tests.Upstreams;
using Postern.Upstreams.Breaking;
using Postern.Upstreams.HealthChecking;

namespace Postern.Tests.EndToEnd;

/// <summary>Health and breakers as clients and operators meet them.</summary>
public sealed class IllUpstreamTests
{
    [Fact]
    public async Task An_open_breaker_is_a_503_that_says_when_to_come_back()
    {
        await using var service = new Service(500);
        await using var gateway = await TestGateway.BeforeAsync(service.Url, "breaker: { failures: 2, openFor: 1m }");
        using var client = gateway.Client();
        Assert.Equal(HttpStatusCode.InternalServerError, (await client.GetAsync("/a")).StatusCode);
        Assert.Equal(HttpStatusCode.InternalServerError, (await client.GetAsync("/a")).StatusCode);
        using var answer = await client.GetAsync("/a");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "application/problem+json"), (answer.StatusCode, answer.Content.Headers.ContentType!.MediaType));
        Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 55, 60);
        Assert.Equal("upstream-open", JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("code").GetString());
        Assert.Equal(2, service.Asked);
        Assert.Equal("upstream-open", (await gateway.LogAsync(3))[2].GetProperty("failure").GetString());
        Assert.Contains("postern_upstream_breaker_state{upstream=\"up\"} 2\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_call_that_succeeds_at_the_second_try_is_a_success_to_the_upstream_and_a_failure_to_its_destination()
    {
        await using var good = new Service();
        await using var bad = new Service(503);
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              up: { urls: ["{{good.Url}}", "{{bad.Url}}"], balance: roundRobin, retry: { attempts: 2, on: [503], budget: 100% }, breaker: 3, health: { passive: 5 } }
            gates:
              web: { identity: off, routes: [{ get: /a, to: "http://up/a" }] }
            """);
        using var client = gateway.Client();
        for (var i = 0; i < 30; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/a")).StatusCode);
        }
        Assert.Equal(3, bad.Asked);
        var metrics = gateway.Metrics();
        Assert.Contains("postern_upstream_breaker_state{upstream=\"up\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains($"postern_upstream_breaker_state{{upstream=\"up\",destination=\"{bad.Name}\"}} 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("postern_upstream_ejected{upstream=\"up\"} 0\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_destination_that_dies_is_out_soon_and_back_soon_after_it_has_come_back()
    {
        await using var good = new Service();
        await using var bad = new Service();
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              up: { urls: ["{{good.Url}}", "{{bad.Url}}"], balance: roundRobin, health: { path: /healthz, interval: 20ms } }
            gates:
              web: { identity: off, routes: [{ get: /a, to: "http://up/a" }] }
            """);
        using var client = gateway.Client();
        bad.Answer = Service.Of(500);
        await OneUpstream.UntilAsync(() => gateway.Metrics().Contains($"healthy{{upstream=\"up\",destination=\"{bad.Name}\"}} 0\n", StringComparison.Ordinal));
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/a")).StatusCode);
        }
        bad.Answer = Service.Ok;
        await OneUpstream.UntilAsync(() => gateway.Metrics().Contains($"healthy{{upstream=\"up\",destination=\"{bad.Name}\"}} 1\n", StringComparison.Ordinal));
        var before = bad.Heads.Count(h => h.StartsWith("GET /a ", StringComparison.Ordinal));
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/a")).StatusCode);
        }
        Assert.Equal(5, bad.Heads.Count(h => h.StartsWith("GET /a ", StringComparison.Ordinal)) - before);
    }

    [Fact]
    public void Code_says_the_same_as_YAML()
    {
        using var yaml = new OneUpstream("{ urls: [\"http://127.0.0.1:1\", \"http://127.0.0.1:2\"], breaker: { failures: 3, openFor: 1s, on: [connect, 5xx] }, "
            + "health: { path: /healthz, interval: 1m, expect: [204, 3xx], passive: { failureRate: 30% }, maxEjected: 60%, panicBelow: 20% } }");
        var built = PosternExtensions.Load(null, p => p.Upstream("up", ["http://127.0.0.1:1", "http://127.0.0.1:2"])
            .Breaker(b => b with { Failures = 3, OpenFor = TimeSpan.FromSeconds(1), On = [CallFailure.Connect, CallFailure.Status(500, 599)] })
            .Health("/healthz", h => h with
            {
                Interval = TimeSpan.FromMinutes(1),
                Expect = new() { Status = [new(204, 204), new(300, 399)] },
                Passive = new() { FailureRate = new(30) },
                MaxEjected = new(60),
                PanicBelow = new(20),
            }));
        using var code = new OneUpstream(built);
        Assert.Equal(yaml.Notes, code.Notes);
        Assert.Contains("breaker: of the upstream and of each destination; opens after 3 failures in a row (counted: connect, 5xx); for 1s, growing to 2s; closes by 1 probe", code.Notes, StringComparison.Ordinal);
        Assert.Contains("health: GET /healthz every 1m, timeout 1s, expects 204, 3xx, unhealthy after 2, healthy after 1; ejects after 30% of 20 calls or more within 10s (counted: connect, timeout, reset, 5xx); "
            + "for 5s, growing to 10s; at most 60%; all are called when fewer than 20% are well", code.Notes, StringComparison.Ordinal);
    }

    [Fact]
    public void What_code_says_wrongly_is_named_by_its_line()
    {
        var loaded = PosternExtensions.Load(null, p =>
        {
            p.Upstream("up", "http://127.0.0.1:1").Health("healthz").Breaker(b => b with { Probes = 0 });
            p.Gate("web", g => g.Get("/a"));
        });
        var problems = loaded.Check.Problems.Select(p => p.ToString()).ToList();
        Assert.Contains(problems, p => p.Contains("IllUpstreamTests.cs:") && p.EndsWith("upstreams.up.health.path: not a path, got 'healthz'; write a path such as /healthz", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.EndsWith("upstreams.up.breaker.probes: must be between 1 and 1000, got 0; write 1 or more", StringComparison.Ordinal));
    }
}
