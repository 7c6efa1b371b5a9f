using Postern.Edge.RateLimiting;
using Postern.Edge.RateLimiting.Counting;

namespace Postern.Tests.Edge.RateLimiting.Counting;

public sealed class PlanTests
{
    private const long Now = 1_800_000_000_000_000;

    [Fact]
    public void A_share_is_the_limit_divided_and_at_least_one()
    {
        var plan = Compile(Rule(LimitAlgorithm.SlidingWindow, 100, 100), Rule(LimitAlgorithm.TokenBucket, 2, 25));
        Assert.Equal([(33L, 33L), (1L, 8L)], plan.ForOneOf(3).Plan.Rules.Select(r => (r.Limit, r.Capacity)));
        Assert.Same(plan.ForOneOf(3), plan.ForOneOf(3));
        Assert.Same(plan.ForOneOf(3), plan.ForOneOf(7).ForOneOf(3));
        Assert.Same(plan, plan.ForOneOf(3).ForOneOf(1));
        Assert.Same(plan, plan.ForOneOf(0));
        Assert.Same(plan.ForOneOf(CompiledPlan.MostInstances), plan.ForOneOf(int.MaxValue));
    }

    [Fact]
    public void What_costs_more_than_a_share_but_not_more_than_the_limit_takes_the_whole_share()
    {
        var (counters, plan) = (new LocalCounters(), Compile(Rule(LimitAlgorithm.FixedWindow, 20)));
        Assert.True(counters.Take(plan.ForOneOf(3), "a", 10, Now).Passes);
        Assert.False(counters.Take(plan.ForOneOf(3), "a", 1, Now).Passes);
        Assert.False(counters.Take(plan.ForOneOf(3), "b", 21, Now).Passes);
    }

    [Fact]
    public void What_costs_more_than_the_limit_never_passes_and_is_told_the_window()
    {
        var (counters, plan) = (new LocalCounters(), Compile(Rule(LimitAlgorithm.SlidingWindow, 20)));
        var decision = counters.Take(plan, "a", 21, Now);
        Assert.Equal(new LimitDecision(false, 0, 20, TimeSpan.Zero, TimeSpan.FromMinutes(1)), decision);
        Assert.Equal(0, counters.Occupancy.Entries);
    }

    [Fact]
    public void Counters_outlive_a_change_of_limits_but_not_of_windows()
    {
        var counters = new LocalCounters();
        counters.Take(Compile(Rule(LimitAlgorithm.SlidingWindow, 100)), "a", 60, Now);
        Assert.Equal(140, counters.Take(Compile(Rule(LimitAlgorithm.SlidingWindow, 201)), "a", 1, Now).Remaining);
        Assert.Equal(0, counters.Read(Compile(Rule(LimitAlgorithm.SlidingWindow, 50)), "a", Now)[0].Remaining);
        Assert.Equal(100, counters.Read(Compile(Rule(LimitAlgorithm.FixedWindow, 100)), "a", Now)[0].Remaining);
        Assert.Equal(100, counters.Read(Compile(Rule(LimitAlgorithm.SlidingWindow, 100) with { Window = TimeSpan.FromSeconds(59) }), "a", Now)[0].Remaining);
    }

    [Theory, InlineData(1000, 5000), InlineData(5000, 1000), InlineData(2, 1_000_000)]
    public void Counters_outlive_a_change_of_limits_by_which_time_is_counted_more_coarsely_or_finely(int before, int after)
    {
        static CompiledPlan Monthly(int limit) => Compile(Rule(LimitAlgorithm.SlidingWindow, limit) with { Window = TimeSpan.FromDays(30) });
        var (counters, used) = (new LocalCounters(), Math.Min(before, after) - 1);
        Assert.NotEqual(Monthly(before).TallyOf(0).Tick, Monthly(after).TallyOf(0).Tick);
        Assert.True(counters.Take(Monthly(before), "a", used, Now).Passes);
        Assert.Equal(after - used, counters.Read(Monthly(after), "a", Now)[0].Remaining);
    }

    [Theory]
    [InlineData(LimitAlgorithm.TokenBucket, 30, 10)]
    [InlineData(LimitAlgorithm.SlidingWindow, 90, 10)]
    public void What_was_refused_elsewhere_comes_back_from_then_on_whatever_was_forgotten_since(LimitAlgorithm algorithm, int seconds, int left)
    {
        // One stripe.
        var (counters, share, later) = (new LocalCounters(256 * 1024), Compile(Rule(algorithm, 60, 60)).ForOneOf(3), Now + seconds * 1_000_000L);
        foreach (var (other, at) in new[] { ("b", Now - 180_000_000), ("c", Now - 180_000_000), ("d", later) })
        {
            counters.Take(share, other, 1, at);
        }
        Assert.Equal(1, counters.Occupancy.Entries);
        counters.Exhaust(share, "a", new LimitDecision(false, 0, 0, TimeSpan.FromMinutes(2), TimeSpan.FromSeconds(61)), Now);
        Assert.Equal(left, counters.Read(share, "a", later)[0].Remaining);
    }

    [Fact]
    public void A_rule_that_comes_or_goes_leaves_the_others_counters_alone()
    {
        LimitRule[] rules = [.. Enum.GetValues<LimitAlgorithm>().Select(a => Rule(a, 100, 100) with { Name = $"{a}" })];
        var (counters, before) = (new LocalCounters(), Compile(rules));
        counters.Take(before, "a", 60, Now);
        var bytes = counters.Occupancy.Bytes;
        // The other way round, with one more.
        var after = Compile([Rule(LimitAlgorithm.FixedWindow, 100) with { Name = "more" }, .. rules.Reverse()]);
        Assert.Equal([100, 40, 40, 40, 40], counters.Read(after, "a", Now).Select(r => r.Remaining));
        Assert.Equal(bytes + 16, counters.Occupancy.Bytes);
        counters.Take(after, "a", 10, Now);
        Assert.Equal([30, 30], counters.Read(Compile(rules[..2]), "a", Now).Select(r => r.Remaining));
        Assert.Equal([30, 30, 30, 30], counters.Read(before, "a", Now).Select(r => r.Remaining));
    }

    [Theory, InlineData(LimitAlgorithm.SlidingWindow), InlineData(LimitAlgorithm.SlidingLog), InlineData(LimitAlgorithm.TokenBucket), InlineData(LimitAlgorithm.FixedWindow)]
    public void Two_gates_with_different_rules_of_one_plan_leave_each_others_counters_alone(LimitAlgorithm algorithm)
    {
        LimitRule Named(string name) => Rule(algorithm, 3, 3) with { Name = name };
        var global = Rule(LimitAlgorithm.SlidingWindow, 100, 100) with { Name = "global" };
        var (counters, old, renewed) = (new LocalCounters(), Compile(global, Named("write")), Compile(Named("read"), global));
        var empty = counters.Occupancy.Bytes;
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(i < 3, counters.Take(old, "a", 1, Now).Passes);
            Assert.Equal(i < 3, counters.Take(renewed, "a", 1, Now).Passes);
        }
        Assert.Equal([94L, 0L], counters.Read(old, "a", Now).Select(r => r.Remaining));
        Assert.Equal([0L, 94L], counters.Read(renewed, "a", Now).Select(r => r.Remaining));
        Assert.True(counters.Reset(old, "a"));
        Assert.Equal((0, empty), (counters.Occupancy.Entries, counters.Occupancy.Bytes));
    }

    [Fact]
    public void What_a_route_does_not_use_it_leaves_alone()
    {
        var (counters, rules) = (new LocalCounters(), new[] { Rule(LimitAlgorithm.FixedWindow, 10), Rule(LimitAlgorithm.FixedWindow, 5), Rule(LimitAlgorithm.FixedWindow, 2) });
        var read = CompiledPlan.Compile(new LimitPlan("tier", rules, [0, 1]));
        var write = CompiledPlan.Compile(new LimitPlan("tier", rules, [0, 2]));
        Assert.Equal((true, 2), Take(write, 2));
        Assert.Equal((false, 2), Take(write, 1));
        Assert.Equal((true, 1), Take(read, 5));
        Assert.Equal([3, 0, 0], counters.Read(write, "a", Now).Select(r => r.Remaining));

        (bool, int) Take(CompiledPlan plan, int cost) => counters.Take(plan, "a", cost, Now) is var d ? (d.Passes, d.Tightest) : default;
    }

    [Fact]
    public void A_smaller_bucket_waits_for_no_more_than_itself_to_refill()
    {
        var counters = new LocalCounters();
        counters.Take(Compile(Rule(LimitAlgorithm.TokenBucket, 1000, 1000)), "a", 1000, Now);
        Assert.Equal(TimeSpan.FromMinutes(1), counters.Take(Compile(Rule(LimitAlgorithm.TokenBucket, 1, 1)), "a", 1, Now).RetryAfter);
    }

    [Fact]
    public void Plans_of_different_names_count_apart()
    {
        var (counters, rule) = (new LocalCounters(), Rule(LimitAlgorithm.FixedWindow, 1));
        Assert.True(counters.Take(CompiledPlan.Compile(new LimitPlan("a", [rule], [0])), "key", 1, Now).Passes);
        Assert.True(counters.Take(CompiledPlan.Compile(new LimitPlan("b", [rule], [0])), "key", 1, Now).Passes);
        Assert.False(counters.Take(CompiledPlan.Compile(new LimitPlan("a", [rule], [0])), "key", 1, Now).Passes);
    }

    [Fact]
    public void A_reset_forgets_what_was_counted()
    {
        var (counters, plan) = (new LocalCounters(), Compile(Rule(LimitAlgorithm.FixedWindow, 1), Rule(LimitAlgorithm.SlidingLog, 1)));
        Assert.False(counters.Reset(plan, "a"));
        counters.Take(plan, "a", 1, Now);
        Assert.False(counters.Take(plan, "a", 1, Now).Passes);
        Assert.True(counters.Reset(plan, "a"));
        Assert.True(counters.Take(plan, "a", 1, Now).Passes);
    }

    [Fact]
    public void A_long_key_is_one_key()
    {
        var (counters, plan, stem) = (new LocalCounters(), Compile(Rule(LimitAlgorithm.FixedWindow, 1)), new string('k', 10_000));
        Assert.True(counters.Take(plan, stem + "1", 1, Now).Passes);
        Assert.True(counters.Take(plan, stem + "2", 1, Now).Passes);
        Assert.False(counters.Take(plan, stem + "1", 1, Now).Passes);
        Assert.Equal(0, counters.Read(plan, stem + "1", Now)[0].Remaining);
        Assert.InRange(counters.Occupancy.Bytes, 1, 64 * 1024);
        Assert.True(counters.Reset(plan, stem + "1"));
        Assert.True(counters.Take(plan, stem + "1", 1, Now).Passes);
    }

    [Theory]
    [InlineData(LimitAlgorithm.SlidingWindow, 1_000, 1, 3_600_000_000, 1)]
    [InlineData(LimitAlgorithm.SlidingWindow, 1_000_000, 1, 3_600_000_000, 10)]
    [InlineData(LimitAlgorithm.SlidingWindow, 1_000_000, 1, 2_592_000_000_000, 1000)]
    [InlineData(LimitAlgorithm.TokenBucket, 100, 25, 60_000_000, 1)]
    [InlineData(LimitAlgorithm.TokenBucket, 1, 50_000_000, 2_592_000_000_000, 100_000)]
    [InlineData(LimitAlgorithm.FixedWindow, 1_000_000, 1, 2_592_000_000_000, 1)]
    public void The_tick_is_the_finest_in_which_all_products_are_exact_in_a_double(LimitAlgorithm algorithm, long limit, long capacity, long window, long tick)
    {
        var plan = CompiledPlan.Compile(new LimitPlan("p", [new LimitRule("r", algorithm, limit, TimeSpan.FromMicroseconds(window), capacity)], [0]));
        Assert.Equal(tick, plan.TallyOf(0).Tick);
        Assert.Equal(window / tick, plan.TallyOf(0).Window);
        Assert.Equal(tick, plan.ForOneOf(7).TallyOf(0).Tick);
    }

    [Fact]
    public void A_plan_out_of_bounds_is_none()
    {
        Assert.ThrowsAny<ArgumentException>(() => Compile());
        Assert.ThrowsAny<ArgumentException>(() => Compile([.. Enumerable.Repeat(Rule(LimitAlgorithm.FixedWindow, 1), 257)]));
        Assert.ThrowsAny<ArgumentException>(() => CompiledPlan.Compile(new LimitPlan("p", [Rule(LimitAlgorithm.FixedWindow, 1)], [])));
        Assert.ThrowsAny<ArgumentException>(() => CompiledPlan.Compile(new LimitPlan("p", [Rule(LimitAlgorithm.FixedWindow, 1)], [.. new int[17]])));
        Assert.ThrowsAny<ArgumentException>(() => Compile(Rule(LimitAlgorithm.FixedWindow, 0)));
        Assert.ThrowsAny<ArgumentException>(() => Compile(Rule(LimitAlgorithm.FixedWindow, 1_000_001)));
        Assert.ThrowsAny<ArgumentException>(() => Compile(Rule(LimitAlgorithm.SlidingLog, 10_001)));
        Assert.ThrowsAny<ArgumentException>(() => Compile(Rule(LimitAlgorithm.TokenBucket, 1, 50_000_001)));
        Assert.ThrowsAny<ArgumentException>(() => Compile(Rule(LimitAlgorithm.TokenBucket, 1, 0)));
        Assert.ThrowsAny<ArgumentException>(() => Compile(Rule(LimitAlgorithm.FixedWindow, 1) with { Window = TimeSpan.FromDays(31) }));
        Assert.ThrowsAny<ArgumentException>(() => new LocalCounters().Take(Compile(Rule(LimitAlgorithm.FixedWindow, 1)), "a", 0, Now));
    }

    private static CompiledPlan Compile(params LimitRule[] rules) => CompiledPlan.Compile(new LimitPlan("p", rules, [.. Enumerable.Range(0, rules.Length)]));

    private static LimitRule Rule(LimitAlgorithm algorithm, long limit, long capacity = 1) => new("r", algorithm, limit, TimeSpan.FromMinutes(1), capacity);
}
