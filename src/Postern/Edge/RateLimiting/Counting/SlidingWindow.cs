namespace Postern.Edge.RateLimiting.Counting;

/// <summary>
/// Two counts, of this window since the epoch and of the one before, which weighs as much as a window that ends now would still
/// cover of it. Three numbers: when it last counted, the count before, the
/// count now.
/// </summary>
internal sealed class SlidingWindow(LimitRule rule, long whole, long tick, int at) : Tally(rule, whole, tick, at)
{
    public override int Size => 3;

    public override long Left(ReadOnlySpan<long> frame) =>
        Math.Max(0, Quota - frame[2] - (frame[1] * Covered(frame) + Window - 1) / Window);

    protected override void Roll(Entry entry, Span<long> frame, long last)
    {
        var start = frame[0] - frame[0] % Window;
        (frame[1], frame[2]) = last >= start ? (entry.Words[At + 1], entry.Words[At + 2])
            : last >= start - Window ? (entry.Words[At + 2], 0)
            : (0, 0);
        frame[3] = start;
    }

    protected override bool Fits(ReadOnlySpan<long> frame, long cost) =>
        frame[1] * Covered(frame) + (frame[2] + cost) * Window <= Quota * Window;

    protected override void Add(Entry entry, Span<long> frame, long cost)
    {
        frame[2] += cost;
        (entry.Words[At], entry.Words[At + 1], entry.Words[At + 2]) = (frame[4], frame[1], frame[2]);
    }

    protected override void Fill(Entry entry, ReadOnlySpan<long> frame, long left, long passes)
    {
        // What would pass within this window waits for the one before to weigh less; else this one is full by itself.
        var before = passes < frame[3] + Window ? Quota : 0;
        var current = Math.Max(0, Quota - left - (before * Covered(frame) + Window - 1) / Window);
        (entry.Words[At], entry.Words[At + 1], entry.Words[At + 2]) = (frame[4], before, current);
    }

    protected override long FitsAt(Entry entry, ReadOnlySpan<long> frame, long cost)
    {
        var (before, current, start) = (frame[1], frame[2], frame[3]);
        var spare = Quota - cost;
        // In this window, as soon as the one before weighs little enough; else in the next, where this one is the one before.
        return current <= spare
            ? start + Window - (spare - current) * Window / before
            : start + 2 * Window - spare * Window / current;
    }

    protected override long FullAt(Entry entry, ReadOnlySpan<long> frame) => frame[3] + (frame[2] > 0 ? 2 : 1) * Window;

    private long Covered(ReadOnlySpan<long> frame) => Window - (frame[0] - frame[3]);
}
