namespace Postern.Edge.RateLimiting;

/// <summary>
/// When a store that has failed is trusted again, and what of it is told. One that fails again soon after it came back is left alone for
/// longer each time: part of it may be gone for good, which the part that answers heartbeats doesn't know. Such coming and going is told once.
/// </summary>
internal sealed class Comeback(TimeProvider time)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(4);

    /// <summary>After so long it is back for good.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private TimeSpan pause;
    private long left, returned;
    private bool hasReturned, isToldGone;

    /// <summary>The store has failed.</summary>
    /// <returns>Whether that is to be told.</returns>
    public bool Leave()
    {
        lock (gate)
        {
            left = time.GetTimestamp();
            pause = !hasReturned || time.GetElapsedTime(returned, left) >= Settled ? TimeSpan.Zero : pause == TimeSpan.Zero ? Shortest : pause * 2 < Longest ? pause * 2 : Longest;
            return !isToldGone && (isToldGone = true);
        }
    }

    /// <summary>Whether a store that answers may be trusted again.</summary>
    public bool MayReturn()
    {
        lock (gate)
        {
            return time.GetElapsedTime(left) >= pause;
        }
    }

    /// <summary>It is trusted again.</summary>
    /// <returns>Whether that is to be told now; else <see cref="Settles"/> says when.</returns>
    public bool Return()
    {
        lock (gate)
        {
            (hasReturned, returned) = (true, time.GetTimestamp());
            return pause == TimeSpan.Zero && Tell();
        }
    }

    /// <summary>Whether it is to be told now that a store which came and went is back.</summary>
    public bool Settles()
    {
        lock (gate)
        {
            return isToldGone && returned > left && time.GetElapsedTime(returned) >= Settled && Tell();
        }
    }

    private bool Tell()
    {
        isToldGone = false;
        return true;
    }
}
