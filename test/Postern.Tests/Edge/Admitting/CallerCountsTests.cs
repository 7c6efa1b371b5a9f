using Postern.Edge.Admitting;

namespace Postern.Tests.Edge.Admitting;

/// <summary>How many requests each caller has in progress.</summary>
public sealed class CallerCountsTests
{
    [Fact]
    public void Each_caller_has_a_count_of_its_own_as_long_as_it_has_requests()
    {
        var counts = new CallerCounts();
        Assert.True(counts.TryEnter("anna", 2));
        Assert.True(counts.TryEnter("anna", 2));
        Assert.False(counts.TryEnter("anna", 2));
        Assert.True(counts.TryEnter("bert", 2));
        Assert.Equal(2, counts.Callers);
        counts.Return("anna");
        Assert.True(counts.TryEnter("anna", 2));
        counts.Return("anna");
        counts.Return("anna");
        counts.Return("bert");
        Assert.Equal(0, counts.Callers);
    }

    [Fact]
    public void Who_is_refused_leaves_nothing_behind()
    {
        var counts = new CallerCounts();
        Assert.True(counts.TryEnter("anna", 1));
        for (var i = 0; i < 100; i++)
        {
            Assert.False(counts.TryEnter("anna", 1));
        }
        counts.Return("anna");
        Assert.Equal(0, counts.Callers);
    }

    [Fact]
    public void A_caller_that_was_seen_before_costs_no_memory()
    {
        var counts = new CallerCounts();
        Turn(counts);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Turn(counts);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        static void Turn(CallerCounts counts)
        {
            for (var i = 0; i < 1000; i++)
            {
                counts.TryEnter("anna", 1);
                counts.Return("anna");
            }
        }
    }

    [Fact]
    public void Under_races_no_caller_has_more_than_it_may_and_all_come_back()
    {
        var counts = new CallerCounts();
        var (inside, most) = (new int[20], 0);
        using var start = new Barrier(8);
        var threads = Enumerable.Range(0, 8).Select(t => new Thread(() =>
        {
            start.SignalAndWait();
            for (var i = 0; i < 50_000; i++)
            {
                var caller = (i * 7 + t) % inside.Length;
                if (counts.TryEnter($"caller {caller}", 3))
                {
                    var now = Interlocked.Increment(ref inside[caller]);
                    if (now > Volatile.Read(ref most))
                    {
                        Volatile.Write(ref most, now);
                    }
                    Interlocked.Decrement(ref inside[caller]);
                    counts.Return($"caller {caller}");
                }
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => Assert.True(t.Join(TimeSpan.FromSeconds(60))));
        Assert.InRange(most, 1, 3);
        Assert.Equal(0, counts.Callers);
    }
}
