using Microsoft.AspNetCore.Http;
using Postern.Edge.RateLimiting;
using Postern.Pipeline;

namespace Postern.Tests.Edge.RateLimiting;

/// <summary>What is counted apart, what together, and what a refusal leaves alone.</summary>
public sealed class RateLimitStageTests
{
    private static string Gate(string limit, string routes = "") => $$"""
        gates:
          web:
            match: { path: /web }
            identity: { use: [key], optional: true }
            rateLimit: {{limit}}
            routes:
              - { any: /a, respond: 200 }
              - { get: /b, respond: 200 }
        {{routes}}
        """;

    private static LimitedGateway Start(string limit, string routes = "") =>
        LimitedGateway.Start(Gate(limit, routes), keys: [("anna", ""), ("bert", "")]);

    [Fact]
    public async Task A_plain_rate_is_a_sliding_window_for_each_consumer_and_else_each_address()
    {
        await using var gateway = Start("3/minute");
        Assert.Equal(3, await gateway.PassAsync(5, "/web/a", "anna"));
        Assert.Equal(3, await gateway.PassAsync(5, "/web/a", "bert"));
        Assert.Equal(0, await gateway.PassAsync(2, "/web/a", "anna", from: "192.0.2.2"));
        Assert.Equal(3, await gateway.PassAsync(5, "/web/a"));
        Assert.Equal(3, await gateway.PassAsync(5, "/web/a", from: "192.0.2.2"));
        // Halfway into the next window half of the last one still counts.
        gateway.Time.Advance(TimeSpan.FromSeconds(90));
        Assert.Equal(1, await gateway.PassAsync(5, "/web/a", "anna"));
    }

    [Theory]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("fe80::1%1", "fe80::2%1", true)]
    [InlineData("::ffff:192.0.2.7", "192.0.2.7", true)]
    [InlineData("::ffff:192.0.2.7", "::ffff:192.0.2.8", false)]
    [InlineData("192.0.2.7", "192.0.2.8", false)]
    public async Task Addresses_are_counted_by_network_for_IPv6_and_one_by_one_for_IPv4(string one, string other, bool together)
    {
        await using var gateway = Start("{ allow: 2/minute, by: ip }");
        Assert.Equal(2, await gateway.PassAsync(3, "/web/a", "anna", one));
        Assert.Equal(together ? 0 : 2, await gateway.PassAsync(3, "/web/a", "bert", other));
    }

    [Fact]
    public async Task A_header_s_values_are_counted_apart_and_without_one_the_address_is()
    {
        await using var gateway = Start("{ allow: 1/minute, by: header:X-Tenant }");
        var huge = new string('x', 5000);
        foreach (var tenant in new[] { "a", "b", "A", "192.0.2.1", "@key:anna", huge, huge + "y" })
        {
            Assert.True((await gateway.AskAsync("/web/a", headers: ("X-Tenant", tenant))).Passed, tenant);
            Assert.Equal(429, (await gateway.AskAsync("/web/b", from: "192.0.2.9", headers: ("x-tenant", tenant))).Status);
        }
        Assert.Equal(1, await gateway.PassAsync(2, "/web/a"));
        Assert.Equal(1, await gateway.PassAsync(2, "/web/a", from: "192.0.2.9"));
    }

    [Theory]
    [InlineData("Authorization", null)]
    [InlineData("Cookie", null)]
    [InlineData("X-Api-Key", null)]
    [InlineData("X-Partner", "X-Partner")]
    public void A_credential_is_counted_by_its_hash(string header, string? field)
    {
        var key = new LimitKey([$"header:{header}", "route"], "web", "web GET /a");
        var exchange = new Exchange { CredentialField = field?.ToLowerInvariant() };
        Assert.DoesNotContain("s3cret", Of("s3cret"));
        Assert.Equal(Of("s3cret"), Of("s3cret"));
        Assert.NotEqual(Of("s3cret"), Of("s3cret!"));

        string Of(string value)
        {
            var context = new DefaultHttpContext();
            context.Request.Headers[header] = value;
            return key.Of(context, exchange);
        }
    }

    [Theory]
    [InlineData("gate", 2, 0, 0, 0)]
    [InlineData("route", 2, 2, 0, 0)]
    [InlineData("[consumer, route]", 2, 2, 2, 2)]
    [InlineData("[consumer, ip]", 2, 0, 2, 0)]
    [InlineData("[gate, consumer]", 2, 0, 2, 0)]
    public async Task Combinations_count_each_apart(string by, int annaAtA, int annaAtB, int bertAtA, int bertAtB)
    {
        await using var gateway = Start($"{{ allow: 2/minute, by: {by} }}");
        Assert.Equal(annaAtA, await gateway.PassAsync(3, "/web/a", "anna"));
        Assert.Equal(annaAtB, await gateway.PassAsync(3, "/web/b", "anna"));
        Assert.Equal(bertAtA, await gateway.PassAsync(3, "/web/a", "bert"));
        Assert.Equal(bertAtB, await gateway.PassAsync(3, "/web/b", "bert"));
    }

    [Fact]
    public async Task A_combination_is_never_taken_for_another()
    {
        await using var gateway = Start("{ allow: 1/minute, by: [header:X-A, header:X-B] }");
        Assert.True((await gateway.AskAsync("/web/a", headers: [("X-A", "1"), ("X-B", "23")])).Passed);
        Assert.True((await gateway.AskAsync("/web/a", headers: [("X-A", "12"), ("X-B", "3")])).Passed);
        Assert.True((await gateway.AskAsync("/web/a", headers: [("X-A", "1 4 =x-b:2"), ("X-B", "3")])).Passed);
        Assert.False((await gateway.AskAsync("/web/a", headers: [("X-A", "1"), ("X-B", "23")])).Passed);
    }

    [Fact]
    public async Task A_limit_at_the_gate_is_one_for_all_its_routes_and_a_route_s_own_is_another()
    {
        await using var gateway = Start("4/minute", """
                  - { get: /own, rateLimit: 2/minute, respond: 200 }
                  - { get: /own, rateLimit: 3/minute, when: { query: { v: "2" } }, respond: 200 }
                  - { get: /free, rateLimit: off, respond: 200 }
              other:
                match: { path: /other }
                identity: off
                rateLimit: 4/minute
                routes:
                  - { get: /a, respond: 200 }
            """);
        Assert.Equal(3, await gateway.PassAsync(3, "/web/a"));
        Assert.Equal(1, await gateway.PassAsync(3, "/web/b"));
        Assert.Equal(2, await gateway.PassAsync(5, "/web/own"));
        Assert.Equal(3, await gateway.PassAsync(5, "/web/own?v=2"));
        Assert.Equal(4, await gateway.PassAsync(5, "/other/a"));
        var free = await gateway.AskAsync("/web/free");
        Assert.True(free.Passed);
        Assert.DoesNotContain(free.Headers.Keys, k => k.StartsWith("RateLimit", StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("fixedWindow", 59, 2, 1, 2)]
    [InlineData("slidingLog", 59, 2, 1, 0)]
    [InlineData("slidingWindow", 59, 2, 31, 1)]
    [InlineData("tokenBucket", 59, 2, 1, 0)]
    [InlineData("tokenBucket", 59, 2, 30, 1)]
    public async Task Each_algorithm_can_be_named(string algorithm, int at, int first, int later, int second)
    {
        await using var gateway = Start($"{{ allow: 2/minute, algorithm: {algorithm} }}");
        gateway.Time.Advance(TimeSpan.FromSeconds(at));
        Assert.Equal(first, await gateway.PassAsync(4, "/web/a"));
        gateway.Time.Advance(TimeSpan.FromSeconds(later));
        Assert.Equal(second, await gateway.PassAsync(4, "/web/a"));
    }

    [Fact]
    public async Task A_bucket_holds_its_burst_and_refills_at_its_rate()
    {
        await using var gateway = Start("{ allow: 60/minute, algorithm: tokenBucket, burst: 5 }");
        Assert.Equal(5, await gateway.PassAsync(9, "/web/a"));
        gateway.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(2, await gateway.PassAsync(9, "/web/a"));
        gateway.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(5, await gateway.PassAsync(9, "/web/a"));
    }

    [Fact]
    public async Task Several_rates_hold_together_and_a_refused_request_counts_in_none()
    {
        await using var gateway = Start("{ allow: [2/s, 5/minute], algorithm: fixedWindow }");
        Assert.Equal(2, await gateway.PassAsync(50, "/web/a"));
        gateway.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(2, await gateway.PassAsync(50, "/web/a"));
        gateway.Time.Advance(TimeSpan.FromSeconds(1));
        var last = await gateway.AskAsync("/web/a");
        Assert.Equal("\"default\";q=2;w=1, \"default-2\";q=5;w=60", last["RateLimit-Policy"]);
        Assert.Equal("\"default-2\";r=0;t=58", last["RateLimit"]);
        // The minute refuses, so the second counts nothing either, now or in the next minute.
        Assert.Equal(0, await gateway.PassAsync(50, "/web/a"));
        Assert.Equal(58, (await gateway.AskAsync("/web/a")).RetryAfter);
        gateway.Time.Advance(TimeSpan.FromSeconds(58));
        Assert.Equal(2, await gateway.PassAsync(50, "/web/a"));
    }

    [Fact]
    public async Task A_request_counts_what_it_costs()
    {
        await using var gateway = Start("{ allow: 10/minute, algorithm: slidingLog }", "      - { get: /dear, cost: 4, respond: 200 }");
        Assert.Equal(2, await gateway.PassAsync(3, "/web/dear"));
        var refused = await gateway.AskAsync("/web/dear");
        Assert.Equal(("2", 60), (refused["RateLimit-Remaining"], refused.RetryAfter!.Value));
        Assert.Equal(2, await gateway.PassAsync(3, "/web/a"));
    }

    [Fact]
    public async Task A_gate_s_cost_holds_for_routes_without_one()
    {
        await using var gateway = Start("{ allow: 6/minute, by: route }\n    cost: 3", "      - { get: /cheap, cost: 1, respond: 200 }");
        Assert.Equal(2, await gateway.PassAsync(9, "/web/a"));
        Assert.Equal(6, await gateway.PassAsync(9, "/web/cheap"));
    }

    [Fact]
    public async Task Refused_before_is_not_counted()
    {
        await using var gateway = LimitedGateway.Start("""
            gates:
              web:
                identity: key
                rateLimit: { allow: 2/minute, by: gate }
                routes:
                  - { get: /a, respond: 200 }
                  - { get: /b, require: { scopes: [x] }, respond: 200 }
            """, keys: [("anna", "")]);
        Assert.Equal(401, (await gateway.AskAsync("/a")).Status);
        Assert.Equal(401, (await gateway.AskAsync("/a", "nobody")).Status);
        Assert.Equal(403, (await gateway.AskAsync("/b", "anna")).Status);
        Assert.Equal(404, (await gateway.AskAsync("/c", "anna")).Status);
        Assert.Equal(2, await gateway.PassAsync(3, "/a", "anna"));
    }

    [Fact]
    public async Task Counters_outlive_a_reload_and_take_its_limit()
    {
        await using var gateway = Start("5/minute");
        Assert.Equal(4, await gateway.PassAsync(4, "/web/a"));
        gateway.Reload(Gate("5/minute", "      - { get: /c, respond: 200 }"));
        Assert.Equal(1, await gateway.PassAsync(4, "/web/c"));
        gateway.Reload(Gate("7/minute"));
        Assert.Equal(2, await gateway.PassAsync(4, "/web/a"));
        gateway.Reload(Gate("3/minute"));
        Assert.Equal(0, await gateway.PassAsync(4, "/web/a"));
    }

    [Fact]
    public async Task Many_at_once_pass_no_more_than_the_limit()
    {
        await using var gateway = Start("{ allow: 1000/minute, by: gate }");
        var passed = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() => gateway.PassAsync(200, "/web/a", from: $"192.0.2.{i}"))));
        Assert.Equal(1000, passed.Sum());
        Assert.Equal("1000", gateway.Metric("postern_rate_limit_decisions_total{gate=\"web\",tier=\"\",group=\"\",outcome=\"allowed\"}"));
        Assert.Equal("2200", gateway.Metric("postern_rate_limit_decisions_total{gate=\"web\",tier=\"\",group=\"\",outcome=\"refused\"}"));
        Assert.Equal("1", gateway.Metric("postern_rate_limit_mode{mode=\"local\"}"));
        Assert.Equal("0", gateway.Metric("postern_rate_limit_mode{mode=\"shared\"}"));
        Assert.Equal("1", gateway.Metric("postern_rate_limit_instances"));
        Assert.Equal("1", gateway.Metric("postern_rate_limit_keys"));
    }
}
