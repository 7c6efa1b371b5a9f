namespace Postern.Edge.Authenticating.Introspecting;

/// <summary>
/// Whether asking is worth it. An endpoint that fails again and again is asked by one request a second; the others are told
/// at once, and neither they nor the endpoint suffer from it. It takes several failures without a success between them, so
/// that neither one lost packet nor one odd token shuts out everyone.
/// </summary>
internal sealed class Outage
{
    /// <summary>How long nobody asks after a failure.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private volatile bool failing;
    private volatile int row;
    private long next;
    private long since;

    /// <summary>Whether nobody asks now.</summary>
    public bool IsResting(TimeProvider time) => failing && time.GetTimestamp() < Volatile.Read(ref next);

    /// <summary>Whether this request is the one to ask; it then says <see cref="Worked"/> or <see cref="Failed"/>, or is taken for lost after <paramref name="patience"/>.</summary>
    public bool MayAsk(TimeProvider time, TimeSpan patience)
    {
        if (!failing)
        {
            return true;
        }
        lock (gate)
        {
            if (failing && time.GetTimestamp() < next)
            {
                return false;
            }
            next = After(time, patience);
            return true;
        }
    }

    /// <summary>The endpoint answered. How long the outage was that this ends; null where there was none.</summary>
    public TimeSpan? Worked(TimeProvider time)
    {
        if (!failing && row == 0)
        {
            return null;
        }
        lock (gate)
        {
            var outage = failing ? time.GetElapsedTime(since) : (TimeSpan?)null;
            (failing, row) = (false, 0);
            return outage;
        }
    }

    /// <summary>The endpoint did not answer as it should. True where an outage begins with it.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="enough">So many failures in a row, this one included, are an outage.</param>
    public bool Failed(TimeProvider time, int enough)
    {
        lock (gate)
        {
            row++;
            var began = !failing && row >= enough;
            if (began)
            {
                since = time.GetTimestamp();
            }
            next = After(time, Rest);
            failing |= began;
            return began;
        }
    }

    private static long After(TimeProvider time, TimeSpan span) => time.GetTimestamp() + (long)(span.TotalSeconds * time.TimestampFrequency);
}
