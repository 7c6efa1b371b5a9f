using Microsoft.Extensions.Logging.Abstractions;
using Postern.Backends.Responding;
using Postern.Config;
using Postern.Edge.Authenticating;
using Postern.Edge.RateLimiting;
using Postern.Pipeline;
using Postern.Runtime;

namespace Postern.Tests.Edge.RateLimiting;

/// <summary>Limits in C#: the same records, held to the same.</summary>
public sealed class RateLimitInCodeTests
{
    [Fact]
    public async Task Code_says_what_YAML_says()
    {
        await using var gateway = LimitedGateway.Start("", g =>
        {
            g.Tiers("free", new()
            {
                ["free"] = new() { Global = Rate.PerMinute(5), Groups = new Dictionary<string, Rate> { ["read"] = Rate.PerMinute(3), ["bulk"] = Rate.None }, Burst = new Burst(1, TimeSpan.FromSeconds(60)) },
                ["pro"] = new() { Global = Rate.PerMinute(9) },
            });
            g.Gate("web", gate =>
            {
                gate.Identity(optional: true, "key").RateLimitByTier().Group("read");
                gate.Get("/read").Respond(200);
                gate.Get("/bulk").Group("bulk").Respond(200);
                gate.Get("/own").RateLimit(Rate.PerSecond(2), new Rate(3, TimeSpan.FromSeconds(10))).Respond(200);
                gate.Get("/bucket").RateLimit(new RateLimitOptions { Allow = [Rate.PerHour(1)], Algorithm = LimitAlgorithm.TokenBucket, Burst = 8, By = ["ip"] }).Cost(2).Respond(200);
                gate.Get("/free").RateLimitOff().Respond(200);
                gate.Get("/again").RateLimitOff().RateLimit(Rate.PerDay(1)).Respond(200);
            });
        }, keys: [("anna", "pro")]);
        Assert.Equal(3, await gateway.PassAsync(9, "/read"));
        Assert.Equal(9, await gateway.PassAsync(12, "/read", "anna"));
        Assert.Equal(403, (await gateway.AskAsync("/bulk")).Status);
        Assert.Equal("\"default\";q=2;w=1, \"default-2\";q=3;w=10", (await gateway.AskAsync("/own"))["RateLimit-Policy"]);
        Assert.Equal(4, await gateway.PassAsync(9, "/bucket"));
        Assert.Equal(20, await gateway.PassAsync(20, "/free"));
        Assert.Equal(1, await gateway.PassAsync(9, "/again"));
    }

    [Fact]
    public void What_only_code_can_say_wrong_is_told_with_its_line()
    {
        var problems = Problems(g =>
        {
            g.Tiers("fre", new()
            {
                ["free"] = new() { Global = new Rate(-1, TimeSpan.FromMinutes(1)), Groups = new Dictionary<string, Rate> { ["a"] = new(5, TimeSpan.FromDays(31)), ["b"] = Rate.PerMinute(2_000_000) } },
                ["fast"] = new() { Global = Rate.PerMinute(1), Burst = new Burst(0.5m, TimeSpan.FromSeconds(10)) },
                ["slow"] = new() { Global = Rate.PerMinute(1), Burst = new Burst(2, TimeSpan.FromDays(1)) },
                ["two words"] = new() { Global = Rate.PerSecond(1_000_000), Burst = new Burst(1000, TimeSpan.FromHours(1)) },
            });
            g.Gate("web", gate =>
            {
                gate.IdentityOff();
                gate.Get("/a").RateLimit(new Rate(5, TimeSpan.FromMilliseconds(5))).Respond(200);
                gate.Get("/b").RateLimit().Respond(200);
                gate.Get("/c").RateLimit(Rate.PerMinute(1)).Cost(0).Respond(200);
                gate.Get("/d").RateLimit(new RateLimitOptions { Allow = [Rate.PerMinute(20_000)], Algorithm = LimitAlgorithm.SlidingLog }).Respond(200);
                gate.Get("/e").RateLimit([.. Enumerable.Repeat(Rate.PerMinute(1), 17)]).Respond(200);
                gate.Get("/f").RateLimit(new RateLimitOptions { Tiers = true, Algorithm = LimitAlgorithm.FixedWindow, Burst = 2, By = ["user"] }).Respond(200);
                gate.Get("/g").RateLimit(new RateLimitOptions { Allow = [Rate.PerMinute(1)], By = [] }).Respond(200);
            });
        });
        Assert.Equal("""
            tiers.free.global: a rate's number is between 1 and 1000000, got -1; write 1 or more
            tiers.free.groups.a: a rate is over a second to a month, got 744h; write 10/s, 100/minute or 1/month
            tiers.free.groups.b: a rate's number is between 1 and 1000000, got 2000000; write 1000000 or less
            tiers.fast.burst: a burst is 1 to 1000 times the steady rate, got 0.5; write 1.5x/10s
            tiers.slow.burst: a burst is over 1s to 1h, got 24h; write 1.5x/10s
            tiers.two words.burst: with global: 1000000/second the bucket would hold 3600000000000, more than 50000000; lower one of them
            tiers.two words: a tier's name is one word of at most 64 characters, got 'two words'; write partner
            tiers.default: no tier named 'fre'; did you mean 'free'? (defined: free, fast, slow, two words)
            gates.web.routes[0].rateLimit.allow: a rate is over a second to a month, got 5ms; write 10/s, 100/minute or 1/month
            gates.web.routes[1].rateLimit: says no limit; write allow: 100/minute or tiers: true
            gates.web.routes[2].cost: must be between 1 and 1000, got 0; write 1 or more
            gates.web.routes[3].rateLimit.allow: a sliding log keeps each request's time, so it counts to 10000 at most, got 20000/minute; write algorithm: slidingWindow
            gates.web.routes[4].rateLimit.allow: at most 16 rates hold together, got 17; remove some
            gates.web.routes[5].rateLimit.algorithm: a tier's limits are sliding windows, with a bucket where the tier has a burst; remove it
            gates.web.routes[5].rateLimit.burst: a tier says its own burst; remove it
            gates.web.routes[5].rateLimit.by[0]: nothing to count by, got 'user'; write consumer, ip, header:NAME, gate or route
            gates.web.routes[6].rateLimit.by: says nothing to count by; write consumer, ip, header:NAME, gate or route, or leave it out for consumer
            """, string.Join('\n', problems));
    }

    [Fact]
    public void What_records_allow_can_be_counted()
    {
        Assert.Equal(Postern.Edge.RateLimiting.Counting.CompiledPlan.MostLimit, Rate.MaxCount);
        Assert.Equal(Postern.Edge.RateLimiting.Counting.CompiledPlan.LongestWindow, Rate.LongestPer);
        Assert.Equal(Postern.Edge.RateLimiting.Counting.CompiledPlan.MostCapacity, Burst.MaxCapacity);
        Assert.True((TierOptions.MaxGroups + 1) * 2 <= Postern.Edge.RateLimiting.Counting.CompiledPlan.MostRules);
    }

    private static IEnumerable<string> Problems(Action<GatewayBuilder> build)
    {
        var (_, problems) = GatewayRuntime.Start(() => PosternExtensions.Load(null, build), NullLogger.Instance, TimeProvider.System);
        return problems.Select(p => p.Position.Length > 0 ? p.ToString()[(p.Position.Length + 2)..] : p.ToString());
    }
}
