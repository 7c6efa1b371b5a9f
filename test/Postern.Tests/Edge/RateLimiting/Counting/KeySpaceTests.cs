using Postern.Edge.RateLimiting;
using Postern.Edge.RateLimiting.Counting;

namespace Postern.Tests.Edge.RateLimiting.Counting;

/// <summary>Counts the bytes of the whole process, so nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(KeySpaceTests), DisableParallelization = true)]
[Collection(nameof(KeySpaceTests))]
public sealed class KeySpaceTests
{
    private const long Now = 1_800_000_000_000_000;
    private const long Budget = 4 * 1024 * 1024;

    [Fact]
    public void A_million_new_keys_take_no_more_memory_and_reset_nobody_who_is_at_a_limit()
    {
        var counters = new LocalCounters(Budget);
        var plan = Compile(Rule(LimitAlgorithm.SlidingWindow, 10), Rule(LimitAlgorithm.TokenBucket, 10, 10), Rule(LimitAlgorithm.SlidingLog, 10));
        string[] full = [.. Enumerable.Range(0, 100).Select(i => $"full-{i}")];
        string[] half = [.. Enumerable.Range(0, 100).Select(i => $"half-{i}")];
        foreach (var key in full)
        {
            Assert.True(counters.Take(plan, key, 10, Now).Passes);
        }
        foreach (var key in half)
        {
            Assert.True(counters.Take(plan, key, 5, Now).Passes);
        }
        for (var i = 0; i < 1_000_000; i++)
        {
            Assert.True(counters.Take(plan, $"flood-{i}", 1, Now + i).Passes);
        }
        Assert.InRange(counters.Occupancy.Bytes, Budget / 2, Budget);
        Assert.InRange(counters.Occupancy.Evicted, 900_000, 1_000_000);
        Assert.Equal(0, counters.Occupancy.Shared);
        Assert.All(full, key => Assert.False(counters.Take(plan, key, 1, Now + 1_000_000).Passes));
        Assert.All(half, key => Assert.InRange(counters.Read(plan, key, Now + 1_000_000)[0].Remaining, 0, 6));
    }

    [Theory]
    [InlineData(LimitAlgorithm.FixedWindow, 2)]
    [InlineData(LimitAlgorithm.SlidingLog, 20)]
    public void Where_everybody_is_at_a_limit_new_keys_share_one(LimitAlgorithm algorithm, int limit)
    {
        var (counters, plan) = (new LocalCounters(Budget / 16), Compile(Rule(algorithm, limit)));
        var passed = 0;
        for (var i = 0; i < 20_000; i++)
        {
            passed += counters.Take(plan, $"flood-{i}", limit, Now).Passes ? 1 : 0;
        }
        var occupancy = counters.Occupancy;
        Assert.Equal(0, occupancy.Evicted);
        Assert.Equal(20_000, occupancy.Entries - 1 + occupancy.Shared);
        // Each that has its own, and one for all others.
        Assert.Equal(occupancy.Entries, passed);
        Assert.Equal(0, counters.Read(plan, "flood-0", Now)[0].Remaining);
        Assert.InRange(occupancy.Bytes, Budget / 32, Budget / 16 + 1024);
        // When they have recovered, there is room again.
        Assert.True(counters.Take(plan, "late", limit, Now + 60_000_000).Passes);
        Assert.Equal(occupancy.Shared, counters.Occupancy.Shared);
    }

    [Fact]
    public void What_has_recovered_leaves_as_others_come()
    {
        var (counters, plan) = (new LocalCounters(), Compile(Rule(LimitAlgorithm.TokenBucket, 60, 60)));
        for (var i = 0; i < 100_000; i++)
        {
            counters.Take(plan, $"key-{i}", 1, Now + i * 1000L);
        }
        // A second after its one request a key is as new; a thousand come in that time.
        Assert.InRange(counters.Occupancy.Entries, 1000, 10_000);
        Assert.Equal(0, counters.Occupancy.Evicted);
    }

    [Fact]
    public void A_clock_that_steps_back_does_not_bring_back_what_was_forgotten()
    {
        var (counters, plan) = (new LocalCounters(256 * 1024), Compile(Rule(LimitAlgorithm.FixedWindow, 5)));
        counters.Take(plan, "key", 5, Now);
        for (var i = 0; i < 50; i++)
        {
            counters.Take(plan, $"other-{i}", 1, Now + 60_000_000);
        }
        Assert.True(counters.Take(plan, "key", 5, Now).Passes);
        Assert.False(counters.Take(plan, "key", 1, Now + 60_000_000).Passes);
    }

    [Theory]
    [InlineData(1, 20)]
    [InlineData(4, 20)]
    [InlineData(4, 120)]
    public void The_bytes_are_those_that_the_process_uses(int rules, int keyLength)
    {
        var plan = Compile([.. Enumerable.Range(0, rules).Select(i => Rule(i % 2 == 0 ? LimitAlgorithm.SlidingWindow : LimitAlgorithm.SlidingLog, 100))]);
        // What earlier tests left behind may be freed while this one counts; wrong bytes would be wrong each time.
        var seen = Enumerable.Range(0, 5).Select(_ => Share(plan, keyLength)).ToList();
        Assert.True(seen.Exists(s => s is > 0.97 and < 1.03), string.Join(" ", seen));
    }

    /// <summary>The bytes that the counters say they use, as a share of what the process uses more.</summary>
    private static double Share(CompiledPlan plan, int keyLength)
    {
        var counters = new LocalCounters();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < 50_000; i++)
        {
            counters.Take(plan, $"{i}".PadLeft(keyLength), 1, Now);
        }
        var used = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.Equal(50_000, counters.Occupancy.Entries);
        return counters.Occupancy.Bytes / (double)used;
    }

    [Fact]
    public void A_log_that_finds_no_memory_refuses_until_its_own_times_make_room()
    {
        var (counters, plan) = (new LocalCounters(16 * 1024), Compile(Rule(LimitAlgorithm.SlidingLog, 1000), Rule(LimitAlgorithm.FixedWindow, 10)));
        // The bucket is empty at first, so the entry stays while the others come.
        var log = Compile("log", Rule(LimitAlgorithm.SlidingLog, 1000), Rule(LimitAlgorithm.TokenBucket, 1_000_000, 1));
        Assert.True(counters.Take(log, "key", 1, Now).Passes);
        for (var i = 0; i < 200; i++)
        {
            counters.Take(plan, $"full-{i}", 10, Now);
        }
        var (passed, refused) = (1, default(LimitDecision));
        while ((refused = counters.Take(log, "key", 1, Now + passed * 100)).Passes)
        {
            passed++;
        }
        Assert.InRange(passed, 8, 128);
        Assert.Equal((1000 - passed, 60_000_000 - passed * 100), (refused.Remaining, refused.RetryAfter.TotalMicroseconds));
        Assert.False(counters.Take(log, "key", 1, Now + 59_999_999).Passes);
        Assert.True(counters.Take(log, "key", 1, Now + 60_000_000).Passes);
        // The shared entry has room for all its times, whatever there is.
        Assert.InRange(counters.Occupancy.Bytes, 8 * 1024, 16 * 1024 + 9 * 1024);
    }

    [Theory]
    [InlineData("short")]
    [InlineData("long")]
    public void A_known_key_costs_no_memory(string length)
    {
        var key = length == "short" ? "consumer-1" : new string('k', 200);
        var (counters, plan) = (new LocalCounters(), Compile([.. Enum.GetValues<LimitAlgorithm>().Select(a => Rule(a, 50, 50))]).ForOneOf(2));
        Send(2_000, Now);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var passed = Send(10_000, Now + 500_000_000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.InRange(passed, 1, 9_999);

        int Send(int count, long from)
        {
            var passed = 0;
            for (var i = 0; i < count; i++)
            {
                passed += counters.Take(plan.ForOneOf(1 + i % 3), key, 1, from + i * 100_000L).Passes ? 1 : 0;
            }
            return passed;
        }
    }

    private static CompiledPlan Compile(params LimitRule[] rules) => Compile("p", rules);

    private static CompiledPlan Compile(string name, params LimitRule[] rules) => CompiledPlan.Compile(new LimitPlan(name, rules, [.. Enumerable.Range(0, rules.Length)]));

    private static LimitRule Rule(LimitAlgorithm algorithm, long limit, long capacity = 1) => new("r", algorithm, limit, TimeSpan.FromMinutes(1), capacity);
}
