namespace Postern.Edge.RateLimiting.Counting;

/// <summary>
/// The time of each unit that passed in the last window, oldest first. Exact. It costs eight bytes for each unit in the window, so
/// the limit is at most <see cref="CompiledPlan.MostLogged"/>.
/// </summary>
internal sealed class SlidingLog(LimitRule rule, long whole, int at) : Tally(rule, whole, tick: 1, at)
{
    /// <summary>How many times a new entry has room for, at least.</summary>
    public const int FirstRoom = 8;

    public override int Size => 0;

    public override long Left(ReadOnlySpan<long> frame) => Math.Max(0, Quota - frame[2]);

    /// <summary>The entry's times.</summary>
    public Ring Times(Entry entry) => entry.Rings[At];

    /// <summary>How much room the times need to count so much; 0 where they have it.</summary>
    public int Wanted(Entry entry, ReadOnlySpan<long> frame, int cost)
    {
        var needed = (int)(frame[2] + Math.Min(cost, Quota));
        var room = Times(entry).Room;
        return needed <= room ? 0 : (int)Math.Max(needed, Math.Min(room * 2L, Whole));
    }

    public override long Last(Entry entry) => Times(entry) is { Count: > 0 and var count } times ? times[count - 1] : 0;

    public override void Carry(Tally before, Entry entry, long[] words, Ring[] rings) => rings[At] = ((SlidingLog)before).Times(entry);

    protected override void Roll(Entry entry, Span<long> frame, long last)
    {
        var times = Times(entry);
        frame[1] = times.CountUntil(frame[0] - Window);
        frame[2] = times.Count - frame[1];
    }

    protected override bool Fits(ReadOnlySpan<long> frame, long cost) => frame[2] + cost <= Quota;

    protected override void Add(Entry entry, Span<long> frame, long cost)
    {
        var times = Times(entry);
        times.DropOldest((int)frame[1]);
        times.Append(frame[0], (int)cost);
        (frame[1], frame[2]) = (0, times.Count);
    }

    /// <summary>When what it counted there passed, nobody knows here; the oldest of it has left when what was refused would pass.</summary>
    protected override void Fill(Entry entry, ReadOnlySpan<long> frame, long left, long passes) { }

    protected override long FitsAt(Entry entry, ReadOnlySpan<long> frame, long cost)
    {
        var times = Times(entry);
        var needed = frame[2] + cost;
        // What would fit but found no memory waits until its own oldest times make room.
        var room = needed > Quota ? Quota : times.Room;
        var leave = needed - room;
        return leave > frame[2] ? frame[0] + Window : times[(int)(frame[1] + leave - 1)] + Window;
    }

    protected override long FullAt(Entry entry, ReadOnlySpan<long> frame) => Times(entry)[Times(entry).Count - 1] + Window;
}
