using FsCheck;
using FsCheck.Fluent;
using Postern.Edge.RateLimiting;
using Postern.Edge.RateLimiting.Counting;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.RateLimiting.Counting;

public sealed class ConcurrencyTests
{
    private const long Start = 1_800_000_000_000_000;
    private const int Threads = 8;

    [Fact]
    public void Many_threads_pass_as_much_as_one_would() => Prop.ForAll(
        Scenario.Any(3, 1, Enum.GetValues<LimitAlgorithm>()), scenario =>
    {
        var (model, counters, now) = (new Model(scenario.Plan), new LocalCounters(), scenario.Start);
        foreach (var step in scenario.Steps.Take(12))
        {
            now = Math.Max(0, now + step.Later);
            var plan = CompiledPlan.Compile(scenario.Using(step));
            // All ask for the same at the same moment, so their order makes no difference.
            var passed = 0;
            Race(_ =>
            {
                for (var i = 0; i < 4; i++)
                {
                    Interlocked.Add(ref passed, counters.Take(plan, "key", step.Cost, now).Passes ? 1 : 0);
                }
            });
            for (var i = 0; i < 4 * Threads && AllPass(model, step, now); i++)
            {
                model.Add(step.Rules, now, step.Cost, 1);
                passed--;
            }
            if (passed != 0)
            {
                return false;
            }
        }
        return true;
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(60));

    [Theory]
    [InlineData(LimitAlgorithm.FixedWindow, 1000)]
    [InlineData(LimitAlgorithm.SlidingLog, 1000)]
    [InlineData(LimitAlgorithm.TokenBucket, 1000 + 59_999_999L * 1000 / 60_000_000)]
    public void A_minute_of_many_threads_passes_the_limit_and_not_one_more(LimitAlgorithm algorithm, long expected)
    {
        var plan = CompiledPlan.Compile(new LimitPlan("p", [new LimitRule("r", algorithm, 1000, TimeSpan.FromMinutes(1), 1000)], [0]));
        var (counters, passed, ticks) = (new LocalCounters(), new long[4], -1L);
        Race(_ =>
        {
            // Each moment of the minute comes to one thread or another, a little out of order.
            while (Interlocked.Increment(ref ticks) is var tick and < 120_000)
            {
                for (var key = 0; key < passed.Length; key++)
                {
                    Interlocked.Add(ref passed[key], counters.Take(plan, $"key-{key}", 1, Start + tick * 500).Passes ? 1 : 0);
                }
            }
        });
        for (var key = 0; key < passed.Length; key++)
        {
            // The last that the bucket brings back may come to a thread that is early.
            passed[key] += counters.Take(plan, $"key-{key}", 1, Start + 59_999_999).Passes ? 1 : 0;
        }
        Assert.All(passed, p => Assert.Equal(expected, p));
    }

    [Fact]
    public void Threads_that_bring_new_keys_lose_none()
    {
        var (counters, plan) = (new LocalCounters(), CompiledPlan.Compile(new LimitPlan("p", [new LimitRule("r", LimitAlgorithm.SlidingWindow, 3, TimeSpan.FromMinutes(1), 3)], [0])));
        var passed = 0;
        Race(thread =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                Interlocked.Add(ref passed, counters.Take(plan, $"key-{(i + thread * 2_500) % 20_000}", 1, Start).Passes ? 1 : 0);
            }
        });
        Assert.Equal(3 * 20_000, passed);
        Assert.Equal(20_000, counters.Occupancy.Entries);
    }

    [Fact]
    public void The_clock_goes_on_when_the_wall_s_is_set_back()
    {
        var time = new SteppedTime();
        time.Advance(TimeSpan.FromDays(20_000));
        var clock = new SteadyClock(time);
        Assert.Equal(20_000 * 86_400_000_000, clock.Now);
        time.Advance(TimeSpan.FromMicroseconds(7));
        Assert.Equal(20_000 * 86_400_000_000 + 7, clock.Now);
    }

    private static bool AllPass(Model model, Step step, long now) => step.Rules.All(r => model.Passes(r, now, step.Cost, 1));

    private static void Race(Action<int> work)
    {
        using var start = new Barrier(Threads);
        var threads = Enumerable.Range(0, Threads).Select(i => new Thread(() =>
        {
            start.SignalAndWait();
            work(i);
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => Assert.True(t.Join(TimeSpan.FromSeconds(60))));
    }
}
