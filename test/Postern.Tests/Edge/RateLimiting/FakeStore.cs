using System.Collections.Concurrent;
using Postern.Config;
using Postern.Edge.RateLimiting;
using Postern.Edge.RateLimiting.Counting;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.RateLimiting;

/// <summary>A store that several gateways may share; what it answers and when is a test's to say. By itself it counts, at once.</summary>
internal sealed class FakeStore(TimeProvider time) : ILimitStore, ILimitStoreProvider, IAsyncDisposable
{
    private LocalCounters counters = new();
    private readonly SteadyClock clock = new(time);

    /// <summary>Answers a request in place of the store.</summary>
    public Func<ValueTask<LimitDecision>>? Take { get; set; }

    /// <summary>Answers a heartbeat.</summary>
    public Func<ValueTask<int>> Beat { get; set; } = () => new(1);

    /// <summary>Answers an admin's question.</summary>
    public Func<ValueTask>? Admin { get; set; }

    /// <summary>Requests that wait for an answer.</summary>
    public BlockingCollection<TaskCompletionSource<LimitDecision>> Held { get; } = [];

    public int Asked;
    public int Beats;
    public int Opened;
    public int Closed;

    /// <summary>Who said that it lives, and for how long.</summary>
    public ConcurrentDictionary<string, TimeSpan> Instances { get; } = [];

    /// <summary>From now on every request waits.</summary>
    public void Hold() => Take = () =>
    {
        var held = new TaskCompletionSource<LimitDecision>();
        Held.Add(held);
        return new ValueTask<LimitDecision>(held.Task);
    };

    /// <summary>The next request that waits.</summary>
    public TaskCompletionSource<LimitDecision> Next()
    {
        Assert.True(Held.TryTake(out var held, TestGateway.Patience), "Nobody asks the store.");
        return held;
    }

    /// <summary>From now on nobody gets an answer to anything.</summary>
    public void Die(Exception why) => (Take, Beat, Admin) = (() => throw why, () => throw why, () => throw why);

    public void Live(int instances = 1) => (Take, Beat, Admin) = (null, () => new(instances), null);

    /// <summary>Loses what it has counted.</summary>
    public void Forget() => counters = new();

    public ILimitStore Open(RedisOptions options)
    {
        Interlocked.Increment(ref Opened);
        return this;
    }

    public ValueTask<LimitDecision> TakeAsync(LimitPlan plan, string key, int cost)
    {
        Interlocked.Increment(ref Asked);
        return Take is { } take ? take() : new(counters.Take(CompiledPlan.Compile(plan), key, cost, clock.Now));
    }

    public async ValueTask<IReadOnlyList<LimitReading>> ReadAsync(LimitPlan plan, string key)
    {
        await (Admin?.Invoke() ?? default);
        return counters.Read(CompiledPlan.Compile(plan), key, clock.Now);
    }

    public async ValueTask ResetAsync(LimitPlan plan, string key)
    {
        await (Admin?.Invoke() ?? default);
        counters.Reset(CompiledPlan.Compile(plan), key);
    }

    public ValueTask<int> BeatAsync(string instance, TimeSpan lifetime)
    {
        Instances[instance] = lifetime;
        Interlocked.Increment(ref Beats);
        return Beat();
    }

    public ValueTask DisposeAsync()
    {
        Interlocked.Increment(ref Closed);
        return default;
    }

    /// <summary>Done once something that comes by itself is so.</summary>
    public static async Task UntilAsync(Func<bool> so)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while (!so())
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }
}
