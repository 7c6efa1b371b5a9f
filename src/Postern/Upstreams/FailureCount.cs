using System.Globalization;

namespace Postern.Upstreams;

/// <summary>How calls have ended lately, held against a rule. A success costs one atomic addition.</summary>
internal sealed class FailureCount(FailureRule rule)
{
    private readonly RollingWindow? window = rule.Rate is null ? null : new RollingWindow(rule.Window);
    private int inARow, brokenInARow;

    /// <summary>Whether the last failures in a row are too many.</summary>
    public bool HasRun => Volatile.Read(ref inARow) >= rule.InARow || Volatile.Read(ref brokenInARow) >= rule.InARow;

    /// <summary>Whether this is part of what is too much elsewhere: the last call failed, or too large a share, of however few.</summary>
    public bool Joins(long now, bool run)
    {
        if (run || window is null)
        {
            return Volatile.Read(ref inARow) > 0 || Volatile.Read(ref brokenInARow) > 0;
        }
        var (calls, failed) = window.Sum(now);
        return failed > 0 && failed >= rule.Rate * calls;
    }

    /// <summary>Counts a call. What is too much by now, in words; null while nothing is.</summary>
    public string? Add(long now, bool failed)
    {
        window?.Add(now, 1, failed ? 1 : 0);
        if (failed)
        {
            return TooMany(now, Interlocked.Increment(ref inARow));
        }
        if (Volatile.Read(ref inARow) != 0)
        {
            Volatile.Write(ref inARow, 0);
        }
        return null;
    }

    /// <summary>
    /// The body of an answer that was counted as a success broke off: a failure after all. Such failures have a row of their own: the
    /// heads of the next answers, which are as good, may have come before.
    /// </summary>
    public string? Revoke(long now)
    {
        window?.Add(now, 0, 1);
        return TooMany(now, Interlocked.Increment(ref brokenInARow));
    }

    /// <summary>An answer has ended, and was whole. Where the last head was a failure, that says nothing good.</summary>
    public void Whole()
    {
        if (Volatile.Read(ref brokenInARow) != 0 && Volatile.Read(ref inARow) == 0)
        {
            Volatile.Write(ref brokenInARow, 0);
        }
    }

    private string? TooMany(long now, int failures)
    {
        if (failures >= rule.InARow)
        {
            return $"{failures} failures in a row";
        }
        if (window is null)
        {
            return null;
        }
        var (calls, failed) = window.Sum(now);
        return calls >= rule.MinimumCalls && failed >= rule.Rate * calls
            ? string.Create(CultureInfo.InvariantCulture, $"{Math.Min(failed, calls)} of {calls} calls failed within {rule.Window.TotalSeconds:0.###} s") : null;
    }
}
