namespace Postern.Edge.RateLimiting.Counting;

/// <summary>A count that begins anew with each window since the epoch. Two numbers: when it last counted, the count.</summary>
internal sealed class FixedWindow(LimitRule rule, long whole, int at) : Tally(rule, whole, tick: 1, at)
{
    public override int Size => 2;

    public override long Left(ReadOnlySpan<long> frame) => Math.Max(0, Quota - frame[1]);

    protected override void Roll(Entry entry, Span<long> frame, long last)
    {
        var start = frame[0] - frame[0] % Window;
        frame[1] = last >= start ? entry.Words[At + 1] : 0;
        frame[2] = start;
    }

    protected override bool Fits(ReadOnlySpan<long> frame, long cost) => frame[1] + cost <= Quota;

    protected override void Add(Entry entry, Span<long> frame, long cost)
    {
        frame[1] += cost;
        (entry.Words[At], entry.Words[At + 1]) = (frame[4], frame[1]);
    }

    protected override void Fill(Entry entry, ReadOnlySpan<long> frame, long left, long passes) =>
        (entry.Words[At], entry.Words[At + 1]) = (frame[4], Quota - left);

    protected override long FitsAt(Entry entry, ReadOnlySpan<long> frame, long cost) => frame[2] + Window;

    protected override long FullAt(Entry entry, ReadOnlySpan<long> frame) => frame[2] + Window;
}
