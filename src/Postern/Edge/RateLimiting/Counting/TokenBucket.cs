namespace Postern.Edge.RateLimiting.Counting;

/// <summary>
/// A bucket that refills steadily. Two numbers: when it last counted; what is missing from it, counted so that one request is as
/// much as the window has ticks, and each tick brings back as much as the limit. So nothing is ever rounded.
/// </summary>
internal sealed class TokenBucket(LimitRule rule, long whole, long tick, int at) : Tally(rule, whole, tick, at)
{
    public override int Size => 2;

    public override long Left(ReadOnlySpan<long> frame) => Math.Max(0, (Quota * Window - frame[1]) / Window);

    protected override void Roll(Entry entry, Span<long> frame, long last)
    {
        var missing = (ulong)Math.Min(entry.Words[At + 1], Whole * Window);
        var over = Math.BigMul((ulong)Rule.Limit, (ulong)(frame[0] - last), out var refilled);
        frame[1] = over != 0 || refilled >= missing ? 0 : (long)(missing - refilled);
    }

    protected override bool Fits(ReadOnlySpan<long> frame, long cost) => frame[1] + cost * Window <= Quota * Window;

    protected override void Add(Entry entry, Span<long> frame, long cost)
    {
        frame[1] += cost * Window;
        (entry.Words[At], entry.Words[At + 1]) = (frame[4], frame[1]);
    }

    protected override void Fill(Entry entry, ReadOnlySpan<long> frame, long left, long passes) =>
        (entry.Words[At], entry.Words[At + 1]) = (frame[4], (Quota - left) * Window);

    protected override long FitsAt(Entry entry, ReadOnlySpan<long> frame, long cost) =>
        frame[0] + Ceiling(frame[1] + cost * Window - Quota * Window);

    protected override long FullAt(Entry entry, ReadOnlySpan<long> frame) => frame[0] + Ceiling(frame[1]);

    private long Ceiling(long missing) => (missing + Rule.Limit - 1) / Rule.Limit;
}
