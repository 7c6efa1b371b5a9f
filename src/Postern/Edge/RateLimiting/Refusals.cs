using Postern.Edge.RateLimiting.Counting;
using Postern.Pipeline;

namespace Postern.Edge.RateLimiting;

/// <summary>One refusal of the store.</summary>
/// <param name="Decision">What it said.</param>
/// <param name="Cost">How much the request counted.</param>
/// <param name="Epoch">Before which outage that was.</param>
/// <param name="At">When.</param>
internal sealed record Refusal(LimitDecision Decision, int Cost, int Epoch, long At)
{
    /// <summary>As a share of one in how many it is counted here; 0 where it isn't yet.</summary>
    public volatile int CountedFor;

    /// <summary>The refusal of a request that counts as much, as it is to be told after so long; null where it may pass by now.</summary>
    public LimitDecision? Holds(int cost, TimeSpan age) => cost < Cost || age >= Decision.RetryAfter ? null
        : Decision with { RetryAfter = Decision.RetryAfter - age, Reset = Decision.Reset > age ? Decision.Reset - age : TimeSpan.Zero };
}

/// <summary>
/// What the store has refused, until it would have let the whole quota pass again. So a caller who is at a limit stays there when
/// the store goes, and when it comes back and has forgotten. Bounded: past it the callers who asked least of late are forgotten.
/// </summary>
internal sealed class Refusals
{
    private const int Most = 32 * 1024;

    /// <summary>How long what was refused before an outage counts once the store is back, at most: so long may a reset that another instance made go unseen here.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(1);

    /// <summary>Two answers that differ by less tell of the same moment.</summary>
    private static readonly TimeSpan Same = TimeSpan.FromMilliseconds(10);

    private readonly BoundedCache<(CountedPlan Plan, string Key), Refusal> told = new(Most);
    private long backSince = long.MinValue;

    /// <summary>The store has refused a request.</summary>
    public void Note(CountedPlan plan, string key, int cost, in LimitDecision decision, int epoch, long now, TimeProvider time)
    {
        if (key.Length > LocalCounters.LongestKey)
        {
            return;
        }
        if (told.Find((plan, key)) is { } last && last.Cost <= cost && last.Epoch == epoch && last.Decision.RetryAfter - time.GetElapsedTime(last.At, now) >= decision.RetryAfter - Same)
        {
            return;
        }
        told.Set((plan, key), new Refusal(decision, cost, epoch, now));
    }

    /// <summary>The store is back.</summary>
    public void Back(long now) => Volatile.Write(ref backSince, now);

    /// <summary>What was refused and isn't over; while the store answers, of what was refused before it was last gone.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="key">Whose.</param>
    /// <param name="epoch">While the store answers: since when. Else null.</param>
    /// <param name="now">The time.</param>
    /// <param name="time">The clock.</param>
    public Refusal? Find(CountedPlan plan, string key, int? epoch, long now, TimeProvider time)
    {
        if (epoch is not null && (Volatile.Read(ref backSince) is var back && back == long.MinValue || time.GetElapsedTime(back, now) > Grace))
        {
            return null;
        }
        if (key.Length > LocalCounters.LongestKey || told.Find((plan, key)) is not { } last || last.Epoch == epoch)
        {
            return null;
        }
        var age = time.GetElapsedTime(last.At, now);
        return age < last.Decision.Reset || age < last.Decision.RetryAfter ? last : null;
    }

    /// <summary>Forgets one.</summary>
    public void Forget(CountedPlan plan, string key) => told.Remove((plan, key));
}
