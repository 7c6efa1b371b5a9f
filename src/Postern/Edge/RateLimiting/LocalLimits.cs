using Microsoft.Extensions.Logging;
using Postern.Edge.RateLimiting.Counting;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.RateLimiting;

/// <summary>
/// What this instance counts in its own memory: everything where no store is configured, and what a store that is away can't.
/// It outlives reloads that bring or change a store.
/// </summary>
internal sealed class LocalLimits(MetricRegistry metrics) : ILive
{
    private readonly LocalCounters counters = new();
    private readonly Lock exhausting = new();
    // A reload's snapshot may serve for a moment before its state is started.
    private volatile SteadyClock clock = new(TimeProvider.System);

    /// <summary>What this instance is called among those that share a store.</summary>
    public string Instance { get; } = Guid.NewGuid().ToString("N");

    /// <summary>The store that limits are shared through, if any.</summary>
    public volatile SharedLimits? Shared;

    /// <inheritdoc/>
    public string? NotReady => null;

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger)
    {
        clock = new SteadyClock(time);
        const string Mode = "postern_rate_limit_mode";
        const string Help = "1 for the way in which limits are counted now: through the store that instances share, or by this instance alone.";
        metrics.Gauge(Mode, Help, () => Shared is { IsUp: true } ? 1 : 0, ("mode", "shared"));
        metrics.Gauge(Mode, Help, () => Shared is { IsUp: true } ? 0 : 1, ("mode", "local"));
        metrics.Gauge("postern_rate_limit_instances", "Instances that share the limits, as this one last heard; 1 where nothing is shared.", () => Shared?.Instances ?? 1);
        metrics.Gauge("postern_rate_limit_keys", "Keys that are counted in memory.", () => counters.Occupancy.Entries);
        metrics.Gauge("postern_rate_limit_memory_bytes", "What the keys take in memory.", () => counters.Occupancy.Bytes);
        metrics.Total("postern_rate_limit_keys_evicted_total", "Keys forgotten for want of memory before they had recovered.", () => counters.Occupancy.Evicted);
        metrics.Total("postern_rate_limit_keys_shared_total", "Requests counted together with others for want of memory.", () => counters.Occupancy.Shared);
    }

    /// <summary>Decides all rules of a plan.</summary>
    public LimitDecision Take(CompiledPlan plan, string key, int cost) => counters.Take(plan, key, cost, clock.Now);

    /// <summary>Decides all rules of a plan as one of several instances that count apart.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="key">Whose request it is.</param>
    /// <param name="cost">How much it counts.</param>
    /// <param name="instances">How many there are.</param>
    /// <param name="known">What all of them together have refused the key, if they have: of that, no more was left here than there.</param>
    /// <param name="age">How long ago.</param>
    public LimitDecision TakeShare(CountedPlan plan, string key, int cost, int instances, Refusal? known, TimeSpan age)
    {
        if (known is not null)
        {
            if (known.Holds(cost, age) is { } refused)
            {
                return refused;
            }
            Exhaust(plan, key, instances, known, age);
        }
        return Take(plan.Compiled.ForOneOf(instances), key, cost);
    }

    /// <summary>Counts here what all instances together have refused, unless it is counted already.</summary>
    public void Exhaust(CountedPlan plan, string key, int instances, Refusal known, TimeSpan age)
    {
        if (known.CountedFor == instances)
        {
            return;
        }
        // Nobody is let pass by what isn't counted yet.
        lock (exhausting)
        {
            if (known.CountedFor is var before && before != instances)
            {
                counters.Exhaust(plan.Compiled.ForOneOf(instances), key, known.Decision, clock.Now - age.Ticks / TimeSpan.TicksPerMicrosecond, before == 0 ? null : plan.Compiled.ForOneOf(before));
                known.CountedFor = instances;
            }
        }
    }

    /// <summary>What is left of each rule, without counting.</summary>
    public IReadOnlyList<LimitReading> Read(CompiledPlan plan, string key) => counters.Read(plan, key, clock.Now);

    /// <summary>Forgets what was counted.</summary>
    public void Reset(CompiledPlan plan, string key) => counters.Reset(plan, key);

    /// <inheritdoc/>
    public void Dispose() { }
}
