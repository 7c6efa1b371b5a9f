using FsCheck;
using FsCheck.Fluent;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Tests.Harness;

namespace Postern.Tests.Pipeline;

/// <summary>The counter alone: how many are in, who waits, who is next.</summary>
public sealed class AdmissionTests
{
    private static readonly Histogram Unread = new();

    private readonly SteppedTime time = new();

    [Fact]
    public void No_more_are_let_in_than_may_be_in_progress()
    {
        var (admission, bounds) = Make(requests: 2);
        Assert.True(admission.TryEnter(bounds));
        Assert.True(admission.TryEnter(bounds));
        Assert.False(admission.TryEnter(bounds));
        Assert.Equal((2, 0), (admission.InProgress, admission.Waiting));
        admission.Return("");
        Assert.True(admission.TryEnter(bounds));
        Assert.False(admission.TryEnter(bounds));
    }

    [Fact]
    public void Who_waits_is_let_in_in_turn_and_nobody_passes_the_line()
    {
        var (admission, bounds) = Make(requests: 1, queue: 2);
        Assert.True(admission.TryEnter(bounds));
        var (first, second, third) = (WaitAsync(admission), WaitAsync(admission), WaitAsync(admission));
        Assert.Equal(Waited.Full, Result(third));
        admission.Return("");
        Assert.Equal(Waited.Admitted, Result(first));
        Assert.False(second.IsCompleted);
        Assert.False(admission.TryEnter(bounds));
        Assert.Equal((1, 1), (admission.InProgress, admission.Waiting));
        admission.Return("");
        Assert.Equal(Waited.Admitted, Result(second));
        admission.Return("");
        Assert.Equal((0, 0), (admission.InProgress, admission.Waiting));
        Assert.True(admission.TryEnter(bounds));
    }

    [Fact]
    public void Who_has_waited_too_long_leaves_the_line()
    {
        var (admission, bounds) = Make(requests: 1, queue: 3, timeout: TimeSpan.FromMilliseconds(100));
        Assert.True(admission.TryEnter(bounds));
        var first = WaitAsync(admission);
        time.Advance(TimeSpan.FromMilliseconds(60));
        var second = WaitAsync(admission);
        time.Advance(TimeSpan.FromMilliseconds(40));
        Assert.Equal(Waited.TimedOut, Result(first));
        Assert.Equal(1, admission.Waiting);
        admission.Return("");
        Assert.Equal(Waited.Admitted, Result(second));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((1, 0, 0), (admission.InProgress, admission.Waiting, time.Waiting));
    }

    [Fact]
    public void Whose_client_leaves_leaves_the_line_from_any_place_in_it()
    {
        var (admission, bounds) = Make(requests: 1, queue: 3);
        Assert.True(admission.TryEnter(bounds));
        using var leaving = new CancellationTokenSource();
        using var gone = new CancellationTokenSource();
        gone.Cancel();
        var (first, second, third) = (WaitAsync(admission), WaitAsync(admission, leaving.Token), WaitAsync(admission));
        leaving.Cancel();
        Assert.Equal(Waited.ClientGone, Result(second));
        Assert.Equal(Waited.ClientGone, Result(WaitAsync(admission, gone.Token)));
        Assert.Equal(2, admission.Waiting);
        admission.Return("");
        admission.Return("");
        Assert.Equal((Waited.Admitted, Waited.Admitted), (Result(first), Result(third)));
        Assert.Equal((1, 0), (admission.InProgress, admission.Waiting));
    }

    [Fact]
    public void Room_that_was_made_meanwhile_is_taken_without_waiting()
    {
        var (admission, bounds) = Make(requests: 1, queue: 1);
        Assert.Equal(Waited.Admitted, Result(WaitAsync(admission)));
        Assert.False(admission.TryEnter(bounds));
    }

    [Fact]
    public void The_wait_is_recorded()
    {
        var (admission, bounds) = Make(requests: 1, queue: 1);
        var waits = new Histogram();
        Assert.True(admission.TryEnter(bounds));
        var waiting = admission.WaitAsync(waits, default).AsTask();
        time.Advance(TimeSpan.FromMilliseconds(400));
        admission.Return("");
        Assert.Equal(Waited.Admitted, Result(waiting));
        Assert.Equal(1, waits.Read().Buckets.Sum());
    }

    [Fact]
    public void A_lower_bound_counts_who_is_in_already_and_a_higher_one_lets_in_who_waits()
    {
        var (admission, two) = Make(requests: 2, queue: 5);
        Assert.True(admission.TryEnter(two) && admission.TryEnter(two));
        var one = admission.Plan(1, 5, TimeSpan.FromSeconds(1));
        Assert.Equal(2, admission.Limit);
        Assert.False(admission.TryEnter(one));
        Assert.Equal(1, admission.Limit);
        var (first, second) = (WaitAsync(admission), WaitAsync(admission));
        admission.Return("");
        Assert.False(first.IsCompleted);
        admission.Return("");
        Assert.Equal(Waited.Admitted, Result(first));
        Assert.Equal((1, 1), (admission.InProgress, admission.Waiting));

        // One who began before the reload comes late, and changes nothing.
        Assert.False(admission.TryEnter(two));
        Assert.Equal(1, admission.Limit);

        var three = admission.Plan(3, 5, TimeSpan.FromSeconds(1));
        Assert.True(admission.TryEnter(three));
        Assert.Equal(Waited.Admitted, Result(second));
        Assert.False(admission.TryEnter(three));
    }

    [Fact]
    public void The_same_said_again_is_the_same()
    {
        var (admission, bounds) = Make(requests: 2, queue: 5);
        Assert.Same(bounds, admission.Plan(2, 5, TimeSpan.FromSeconds(1)));
        Assert.NotSame(bounds, admission.Plan(2, 6, TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void Coming_and_going_allocates_nothing()
    {
        var (admission, bounds) = Make(requests: 2);
        Turn(admission, bounds);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Turn(admission, bounds);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        static void Turn(Admission admission, Bounds bounds)
        {
            for (var i = 0; i < 1000; i++)
            {
                admission.TryEnter(bounds);
                admission.Return("");
            }
        }
    }

    /// <summary>Whatever comes in whatever order, the counter does what a list of names would.</summary>
    [Fact]
    public void It_does_what_a_list_would() => Prop.ForAll(
        Gen.Choose(0, 6).SelectMany(what => Gen.Choose(0, 9).Select(which => (What: what, Which: which))).ListOf().ToArbitrary(), steps =>
    {
        var (admission, bounds) = Make(requests: 3, queue: 4, timeout: TimeSpan.FromMilliseconds(100));
        var (limit, inside) = (3, 0);
        var line = new List<(Task<Waited> Task, CancellationTokenSource Client, long Until)>();
        foreach (var (what, which) in steps)
        {
            switch (what)
            {
                case 0 or 1 or 2:
                    var came = admission.TryEnter(bounds);
                    Assert.Equal(inside < limit && line.Count == 0, came);
                    inside += came ? 1 : 0;
                    if (!came && what > 0)
                    {
                        var client = new CancellationTokenSource();
                        var waiting = WaitAsync(admission, client.Token);
                        if (line.Count == 4)
                        {
                            Assert.Equal(Waited.Full, Result(waiting));
                        }
                        else
                        {
                            line.Add((waiting, client, time.GetTimestamp() + TimeSpan.FromMilliseconds(100).Ticks));
                        }
                    }
                    break;
                case 3 when inside > 0:
                    admission.Return("");
                    inside--;
                    break;
                case 4 when line.Count > 0:
                    var leaving = line[which % line.Count];
                    leaving.Client.Cancel();
                    Assert.Equal(Waited.ClientGone, Result(leaving.Task));
                    line.Remove(leaving);
                    break;
                case 5:
                    time.Advance(TimeSpan.FromMilliseconds(which * 8));
                    foreach (var late in line.Where(w => w.Until <= time.GetTimestamp()).ToList())
                    {
                        Assert.Equal(Waited.TimedOut, Result(late.Task));
                        line.Remove(late);
                    }
                    break;
                case 6:
                    limit = 1 + which % 5;
                    bounds = admission.Plan(limit, 4, TimeSpan.FromMilliseconds(100));
                    if (admission.TryEnter(bounds))
                    {
                        // Only a request brings new bounds along; this one leaves again at once.
                        admission.Return("");
                    }
                    break;
            }
            while (line.Count > 0 && inside < limit)
            {
                Assert.Equal(Waited.Admitted, Result(line[0].Task));
                line.RemoveAt(0);
                inside++;
            }
            Assert.All(line, w => Assert.False(w.Task.IsCompleted));
            Assert.Equal((inside, line.Count), (admission.InProgress, admission.Waiting));
        }
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(500));

    /// <summary>Many threads that come, wait, lose patience, change the bounds and go, all at once.</summary>
    [Theory]
    [InlineData(1, 0), InlineData(1, 3), InlineData(3, 2), InlineData(5, 100)]
    public async Task Under_races_never_more_are_in_than_may_be_and_all_places_come_back(int requests, int queue)
    {
        var admission = new Admission(requests, queue, TimeSpan.FromMilliseconds(2), TimeProvider.System);
        var bounds = admission.Plan(requests, queue, TimeSpan.FromMilliseconds(2));
        var (inside, most, admitted, refused) = (0, 0, 0, 0);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; i < 4000; i++)
            {
                using var client = new CancellationTokenSource();
                var came = admission.TryEnter(bounds);
                if (!came && queue > 0)
                {
                    var waiting = admission.WaitAsync(Unread, client.Token);
                    if ((i + caller) % 3 == 0)
                    {
                        await Task.Yield();
                        await client.CancelAsync();
                    }
                    came = await waiting == Waited.Admitted;
                }
                if (!came)
                {
                    Interlocked.Increment(ref refused);
                    continue;
                }
                var now = Interlocked.Increment(ref inside);
                if (now > Volatile.Read(ref most))
                {
                    Volatile.Write(ref most, now);
                }
                if (i % 2 == 0)
                {
                    await Task.Yield();
                }
                Interlocked.Increment(ref admitted);
                Interlocked.Decrement(ref inside);
                admission.Return("");
            }
        }))).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.InRange(most, 1, requests);
        Assert.Equal(16 * 4000, admitted + refused);
        Assert.Equal((0, 0), (admission.InProgress, admission.Waiting));
        for (var i = 0; i < requests; i++)
        {
            Assert.True(admission.TryEnter(bounds));
        }
        Assert.False(admission.TryEnter(bounds));
    }

    /// <summary>Threads that do nothing but come and go, so that they meet in every place where they can.</summary>
    [Theory]
    [InlineData(2, 1, 0, 1_000_000), InlineData(4, 3, 0, 500_000), InlineData(2, 1, 4, 500_000), InlineData(4, 2, 4, 50_000)]
    public void Threads_that_meet_lose_no_place_and_nobody_is_forgotten_in_line(int threads, int requests, int queue, int turns)
    {
        var admission = new Admission(requests, queue, TimeSpan.FromSeconds(20), TimeProvider.System);
        var bounds = admission.Plan(requests, queue, TimeSpan.FromSeconds(20));
        var (inside, tooMany, forgotten) = (0, 0, 0);
        // Or as many turns as a busy machine has time for.
        var until = Environment.TickCount64 + 20_000;
        using var start = new Barrier(threads);
        var running = Enumerable.Range(0, threads).Select(_ => new Thread(() =>
        {
            start.SignalAndWait();
            for (var i = 0; i < turns && Volatile.Read(ref forgotten) == 0 && Environment.TickCount64 < until; i++)
            {
                if (!admission.TryEnter(bounds))
                {
                    if (queue == 0)
                    {
                        continue;
                    }
                    if (WaitAsync(admission).GetAwaiter().GetResult() != Waited.Admitted)
                    {
                        Interlocked.Increment(ref forgotten);
                        return;
                    }
                }
                if (Interlocked.Increment(ref inside) > requests)
                {
                    Interlocked.Increment(ref tooMany);
                }
                Interlocked.Decrement(ref inside);
                admission.Return("");
            }
        })).ToList();
        running.ForEach(t => t.Start());
        running.ForEach(t => Assert.True(t.Join(TimeSpan.FromSeconds(60))));
        Assert.Equal((0, 0), (tooMany, forgotten));
        Assert.Equal((0, 0), (admission.InProgress, admission.Waiting));
    }

    private (Admission, Bounds) Make(int requests, int queue = 0, TimeSpan? timeout = null)
    {
        var patience = timeout ?? TimeSpan.FromSeconds(1);
        var admission = new Admission(requests, queue, patience, time);
        return (admission, admission.Plan(requests, queue, patience));
    }

    private static Task<Waited> WaitAsync(Admission admission, CancellationToken clientGone = default) => admission.WaitAsync(Unread, clientGone).AsTask();

    /// <summary>What a wait came to, which has ended by now.</summary>
    private static Waited Result(Task<Waited> waiting) => waiting.WaitAsync(TimeSpan.FromSeconds(10)).GetAwaiter().GetResult();
}
