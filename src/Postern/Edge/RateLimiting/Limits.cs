namespace Postern.Edge.RateLimiting;

/// <summary>How requests are counted.</summary>
public enum LimitAlgorithm
{
    /// <summary>Two counters; the last window counts by how much of it the sliding one still covers. Smooth and cheap, a little inexact.</summary>
    SlidingWindow,
    /// <summary>A bucket that refills steadily (GCRA): steady rate, bounded bursts.</summary>
    TokenBucket,
    /// <summary>The time of each request is kept. Exact; costs memory for each request in the window.</summary>
    SlidingLog,
    /// <summary>A counter that begins anew with each window. Up to twice the limit may pass around a window's edge.</summary>
    FixedWindow,
}

/// <summary>One limit: what a counter of it is compared with.</summary>
/// <param name="Name">What callers see in <c>RateLimit-Policy</c>, and operators in metrics: <c>global</c>, <c>read</c>, <c>read-burst</c>.</param>
/// <param name="Algorithm">How it counts.</param>
/// <param name="Limit">How much passes in a window; for a bucket, how much it refills in a window.</param>
/// <param name="Window">The window.</param>
/// <param name="Capacity">For a bucket: how much it holds. Else the limit again.</param>
public sealed record LimitRule(string Name, LimitAlgorithm Algorithm, long Limit, TimeSpan Window, long Capacity)
{
    /// <summary>The most that may pass at once: a bucket's capacity, else the limit.</summary>
    internal long Quota => Algorithm == LimitAlgorithm.TokenBucket ? Capacity : Limit;
}

/// <summary>Limits that are decided at once for one key: all let a request pass, and count it, or none counts it.</summary>
/// <param name="Name">Tells these counters from others of the same key. Plans of one name have the same rules and share their counters.</param>
/// <param name="Rules">Every limit that is counted under the name; at most 256.</param>
/// <param name="Uses">Which of the rules this plan decides, by index: a route of one group leaves the others' counters alone. At least one, at most 16.</param>
public sealed record LimitPlan(string Name, IReadOnlyList<LimitRule> Rules, IReadOnlyList<int> Uses);

/// <summary>What a limiter decided.</summary>
/// <param name="Passes">Whether the request may go on; then it has been counted everywhere, else nowhere.</param>
/// <param name="Tightest">The index of the rule to report: the one that refuses for longest, or the one of which the least is left.</param>
/// <param name="Remaining">How much that rule would still let pass right now.</param>
/// <param name="Reset">When it will let its whole quota pass again (bucket: is full; window: begins anew), from now.</param>
/// <param name="RetryAfter">When the same request would pass if nothing else came, from now; zero where it passes.</param>
public readonly record struct LimitDecision(bool Passes, int Tightest, long Remaining, TimeSpan Reset, TimeSpan RetryAfter);

/// <summary>What is left of one rule, for the admin port.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Remaining">How much would pass now.</param>
/// <param name="Reset">When all of it is there again, from now.</param>
public readonly record struct LimitReading(LimitRule Rule, long Remaining, TimeSpan Reset);

/// <summary>
/// Counters that several gateways share. Each call is one round trip; the store's clock counts, not the caller's. What the
/// store can't do in time is an exception, and the limiter then counts by itself.
/// </summary>
public interface ILimitStore
{
    /// <summary>Decides all rules of a plan for one key, at once. The request goes on, on the thread that brings the answer.</summary>
    /// <exception cref="IOException">The store is not there, or answers with nonsense.</exception>
    ValueTask<LimitDecision> TakeAsync(LimitPlan plan, string key, int cost);

    /// <summary>What is left, without counting.</summary>
    ValueTask<IReadOnlyList<LimitReading>> ReadAsync(LimitPlan plan, string key);

    /// <summary>Forgets what was counted.</summary>
    ValueTask ResetAsync(LimitPlan plan, string key);

    /// <summary>Says that this instance lives, and hears how many do.</summary>
    ValueTask<int> BeatAsync(string instance, TimeSpan lifetime);
}

/// <summary>Opens a store; brought in by <see cref="Config.GatewayConfig.Provide"/>.</summary>
public interface ILimitStoreProvider
{
    /// <summary>The store at that Redis. Returns at once and connects in the background; an <see cref="IAsyncDisposable"/> is told when it is no longer used.</summary>
    ILimitStore Open(Config.RedisOptions options);
}
