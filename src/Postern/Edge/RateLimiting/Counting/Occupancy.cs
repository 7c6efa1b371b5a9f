namespace Postern.Edge.RateLimiting.Counting;

/// <summary>How full the counters are.</summary>
/// <param name="Entries">Keys that are counted now.</param>
/// <param name="Bytes">What they take in memory.</param>
/// <param name="Evicted">Keys forgotten for want of memory before they had recovered, since the start.</param>
/// <param name="Shared">Requests counted in an entry that several keys share, since the start.</param>
internal readonly record struct Occupancy(long Entries, long Bytes, long Evicted, long Shared)
{
    public static Occupancy operator +(Occupancy a, Occupancy b) =>
        new(a.Entries + b.Entries, a.Bytes + b.Bytes, a.Evicted + b.Evicted, a.Shared + b.Shared);
}
