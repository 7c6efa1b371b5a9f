using Postern.Edge.RateLimiting.Counting;
using Postern.Pipeline;

namespace Postern.Edge.RateLimiting;

/// <summary>
/// What the store has refused, until the time that it told. Until then nothing that others do lets the same request pass, so a
/// caller who is at a limit stays refused when the store goes, and when it comes back and has forgotten. Bounded: past it the
/// callers who asked least of late are forgotten.
/// </summary>
internal sealed class Refusals
{
    private const int Most = 32 * 1024;

    /// <summary>How long what was refused before an outage holds once the store is back, at most: so long may a reset that another instance made go unseen here.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(1);

    /// <summary>Two answers that differ by less tell of the same moment.</summary>
    private static readonly TimeSpan Same = TimeSpan.FromMilliseconds(10);

    private readonly BoundedCache<(CountedPlan Plan, string Key), Refusal> told = new(Most);
    private long backSince = long.MinValue;

    /// <summary>One refusal. <paramref name="Epoch"/> tells before which outage it was.</summary>
    private sealed record Refusal(LimitDecision Decision, int Cost, int Epoch, long At);

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

    /// <summary>What still holds of what was refused; while the store answers, of what was refused before it was last gone.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="key">Whose.</param>
    /// <param name="cost">How much the request counts.</param>
    /// <param name="epoch">While the store answers: since when. Else null.</param>
    /// <param name="now">The time.</param>
    /// <param name="time">The clock.</param>
    public LimitDecision? Find(CountedPlan plan, string key, int cost, int? epoch, long now, TimeProvider time)
    {
        if (epoch is not null && (Volatile.Read(ref backSince) is var back && back == long.MinValue || time.GetElapsedTime(back, now) > Grace))
        {
            return null;
        }
        if (key.Length > LocalCounters.LongestKey || told.Find((plan, key)) is not { } last || last.Epoch == epoch || cost < last.Cost)
        {
            return null;
        }
        var passed = time.GetElapsedTime(last.At, now);
        var decision = last.Decision;
        return passed >= decision.RetryAfter ? null
            : decision with { RetryAfter = decision.RetryAfter - passed, Reset = decision.Reset > passed ? decision.Reset - passed : TimeSpan.Zero };
    }

    /// <summary>Forgets one.</summary>
    public void Forget(CountedPlan plan, string key) => told.Remove((plan, key));
}
