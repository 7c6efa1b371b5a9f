namespace Postern.Upstreams;

/// <summary>
/// A trouble that shows in single calls: it begins with the first of them and is over once there was none for a while, so that
/// the log tells of each once, and not of every call.
/// </summary>
internal sealed class Spell(TimeProvider time)
{
    /// <summary>How long there must have been no trouble for it to be over.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromSeconds(10);

    private long last;
    private int on, count;

    /// <summary>Whether it lasts.</summary>
    public bool IsOn => Volatile.Read(ref on) != 0;

    /// <summary>A call was in trouble; true for the first.</summary>
    public bool Begins()
    {
        Volatile.Write(ref last, time.GetTimestamp());
        Interlocked.Increment(ref count);
        return Interlocked.Exchange(ref on, 1) == 0;
    }

    /// <summary>A call was not; true for the one with which it is over.</summary>
    /// <param name="calls">How many were in trouble.</param>
    public bool Ends(out int calls)
    {
        calls = 0;
        if (!IsOn || time.GetElapsedTime(Volatile.Read(ref last)) < Quiet || Interlocked.Exchange(ref on, 0) == 0)
        {
            return false;
        }
        calls = Interlocked.Exchange(ref count, 0);
        return true;
    }
}
