namespace Postern.Upstreams.Breaking;

/// <summary>
/// What a breaker is at one time. A call remembers the phase that let it in, and how it ended counts in that one alone: what was
/// sent before the breaker opened says nothing of how the upstream is when it has closed again.
/// </summary>
internal abstract class Phase(int number, DateTimeOffset since)
{
    /// <summary>Counts a breaker's phases, from 1.</summary>
    public int Number => number;

    /// <summary>Since when it is closed, or no longer is; the default where it has been closed from the beginning.</summary>
    public DateTimeOffset Since => since;
}

/// <summary>Everything goes through, and is counted.</summary>
/// <param name="number">Which phase it is.</param>
/// <param name="rule">When it opens.</param>
/// <param name="since">Since when.</param>
/// <param name="began">Since when, on the breaker's clock.</param>
/// <param name="openings">How often it has opened in a row before.</param>
internal sealed class Closed(int number, FailureRule rule, DateTimeOffset since, long began, int openings) : Phase(number, since)
{
    public long Began => began;

    public int Openings => openings;

    public FailureCount Count { get; } = new(rule);
}

/// <summary>Nothing goes through until a time.</summary>
internal sealed class Open(int number, DateTimeOffset since, long until, int openings, string why) : Phase(number, since)
{
    public long Until => until;

    public int Openings => openings;

    public string Why => why;
}

/// <summary>A few calls go through, and what becomes of them decides.</summary>
internal sealed class HalfOpen(int number, DateTimeOffset since, int openings, string why) : Phase(number, since)
{
    /// <summary>Deadlines end most probes long before; an upload that never ends has none.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private int inFlight, succeeded;
    private long taken;

    public int Openings => openings;

    public string Why => why;

    /// <summary>A place for a probe, where there is one: never more at once than are still needed. One that hasn't come back within a minute gives its place to another.</summary>
    public bool TryTake(long now, int probes)
    {
        lock (gate)
        {
            if (inFlight + succeeded >= probes && (inFlight == 0 || now - taken < Patience.Ticks))
            {
                return false;
            }
            inFlight++;
            taken = now;
            return true;
        }
    }

    /// <summary>A probe has ended: well, badly, or without saying anything. How many have succeeded.</summary>
    public int Return(bool? failed)
    {
        lock (gate)
        {
            inFlight--;
            return failed == false ? ++succeeded : succeeded;
        }
    }
}
