using FsCheck;
using FsCheck.Fluent;
using Postern.Edge.RateLimiting;
using Postern.Edge.RateLimiting.Counting;

namespace Postern.Tests.Edge.RateLimiting.Counting;

/// <summary>What may pass in any stretch of real time, whatever comes: the bounds that README.md beside the counters states.</summary>
public sealed class BoundTests
{
    private const long Window = 60_000_000;

    [Fact]
    public void A_sliding_window_lets_at_most_twice_its_limit_less_one_pass_and_it_may_come_to_that()
    {
        var rule = new LimitRule("r", LimitAlgorithm.SlidingWindow, 100, TimeSpan.FromMinutes(1), 100);
        // All at once in the last microsecond of a window, then each as soon as it may.
        var passed = Greedy(rule, 5 * Window - 1, 6 * Window - 2);
        Assert.Equal(199, passed.Count);
        Assert.True(passed[^1] - passed[0] < Window);
    }

    [Fact]
    public void A_fixed_window_lets_twice_its_limit_pass_at_once()
    {
        var passed = Greedy(new LimitRule("r", LimitAlgorithm.FixedWindow, 100, TimeSpan.FromMinutes(1), 100), 5 * Window - 1, 5 * Window);
        Assert.Equal(200, passed.Count);
    }

    [Fact]
    public void With_a_burst_of_its_own_a_sliding_window_lets_no_more_pass_than_the_burst_over_its_limit()
    {
        // 100/minute with 1.5x/10s: 25 at once.
        var passed = Greedy(5 * Window - 1, 7 * Window,
            new LimitRule("r", LimitAlgorithm.SlidingWindow, 100, TimeSpan.FromMinutes(1), 100),
            new LimitRule("b", LimitAlgorithm.TokenBucket, 100, TimeSpan.FromMinutes(1), 25));
        Assert.InRange(Most(passed, Window), 100, 125);
        Assert.InRange(Most(passed, 10_000_000), 25, 25 + 17);
    }

    [Fact]
    public void No_stretch_sees_more_than_the_algorithm_allows() => Prop.ForAll(Scenario.Any(1, 1, Enum.GetValues<LimitAlgorithm>()), scenario =>
    {
        var (rule, passed) = (scenario.Plan.Rules[0], Send(scenario));
        var tick = new Model(scenario.Plan).Tick(0);
        var window = new Model(scenario.Plan).Window(0) * tick;
        return passed.All(first => passed.Where(p => p.At >= first.At && p.At < first.At + window).Aggregate((Sum: 0L, Fine: true), (so, unit) =>
        {
            var sum = so.Sum + unit.Cost;
            var stretch = (decimal)(unit.At - first.At);
            var most = rule.Algorithm switch
            {
                LimitAlgorithm.FixedWindow => 2 * rule.Limit,
                LimitAlgorithm.SlidingLog => rule.Limit,
                LimitAlgorithm.SlidingWindow => Math.Min(2 * rule.Limit - 1, (long)(rule.Limit * (1 + stretch / window))),
                _ => rule.Capacity + (long)(rule.Limit * (stretch + tick) / window),
            };
            return (sum, so.Fine && (sum <= most || sum <= rule.Limit && rule.Algorithm != LimitAlgorithm.TokenBucket));
        }).Fine);
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(1000));

    [Fact]
    public void A_clock_that_steps_back_mints_nothing_and_locks_nobody_out_for_longer() => Prop.ForAll(
        Scenario.Any(1, 1, Enum.GetValues<LimitAlgorithm>()), Gen.Choose(1, 2_000_000_000).ToArbitrary(), (scenario, back) =>
    {
        // Nothing passes after the step that would not have passed without it, and all of it passes once the step is made up for.
        var (stepped, steady, plan) = (new LocalCounters(), new LocalCounters(), CompiledPlan.Compile(scenario.Plan));
        var now = scenario.Start + 3_000_000_000L;
        foreach (var step in scenario.Steps)
        {
            now += Math.Abs(step.Later);
            stepped.Take(plan, "key", step.Cost, now);
            steady.Take(plan, "key", step.Cost, now);
        }
        var left = steady.Read(plan, "key", now)[0].Remaining;
        var afterStep = stepped.Read(plan, "key", now - back)[0].Remaining;
        var wait = stepped.Take(plan, "key", 1, now - back).RetryAfter;
        var straight = steady.Take(plan, "key", 1, now).RetryAfter;
        return afterStep <= left && wait <= straight + TimeSpan.FromMicroseconds(back);
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(500));

    private static List<(long At, long Cost)> Send(Scenario scenario)
    {
        var (counters, plan, now, passed) = (new LocalCounters(), CompiledPlan.Compile(scenario.Plan), scenario.Start, new List<(long, long)>());
        foreach (var step in scenario.Steps)
        {
            // As soon as it may, rather than at random, where that is not far.
            now += Math.Max(0, step.Later);
            var decision = counters.Take(plan, "key", step.Cost, now);
            if (!decision.Passes && decision.RetryAfter < TimeSpan.FromDays(60))
            {
                now += decision.RetryAfter.Ticks / TimeSpan.TicksPerMicrosecond;
                decision = counters.Take(plan, "key", step.Cost, now);
            }
            if (decision.Passes)
            {
                passed.Add((now, step.Cost));
            }
        }
        return passed;
    }

    private static List<long> Greedy(LimitRule rule, long from, long to) => Greedy(from, to, rule);

    /// <summary>Sends as much as passes, as soon as it does.</summary>
    private static List<long> Greedy(long from, long to, params LimitRule[] rules)
    {
        var (counters, plan, passed) = (new LocalCounters(), CompiledPlan.Compile(new LimitPlan("p", rules, [.. Enumerable.Range(0, rules.Length)])), new List<long>());
        for (var now = from; now <= to;)
        {
            var decision = counters.Take(plan, "key", 1, now);
            if (decision.Passes)
            {
                passed.Add(now);
            }
            now += decision.RetryAfter.Ticks / TimeSpan.TicksPerMicrosecond;
        }
        return passed;
    }

    private static int Most(List<long> passed, long stretch) => passed.Max(from => passed.Count(p => p >= from && p < from + stretch));
}
