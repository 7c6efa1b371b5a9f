using System.Globalization;

namespace Postern.Edge.RateLimiting.Counting;

/// <summary>
/// The arithmetic of one rule, in whole numbers only, as README.md beside this file defines it. A tally holds no state: that is
/// the entry's, which is left alone until all rules that are asked let the request pass. Until then the tally works in a frame: the
/// entry's numbers as they are at this moment.
/// </summary>
internal abstract class Tally
{
    /// <summary>Numbers in a frame: the moment in ticks, three that the algorithm needs, the moment in microseconds.</summary>
    public const int FrameSize = 5;

    /// <summary>What a longer time is told as, in microseconds: ten years. A huge bucket that refills slowly takes longer than can be said.</summary>
    public const long LongestTime = 3650 * 86_400_000_000;

    /// <param name="rule">The rule, of this share.</param>
    /// <param name="whole">The quota of the whole fleet.</param>
    /// <param name="tick">The unit of time, in microseconds.</param>
    /// <param name="at">Where this rule's numbers begin in an entry.</param>
    protected Tally(LimitRule rule, long whole, long tick, int at)
    {
        (Rule, Whole, Tick, At) = (rule, whole, tick, at);
        Quota = rule.Algorithm == LimitAlgorithm.TokenBucket ? rule.Capacity : rule.Limit;
        var window = rule.Window.Ticks / TimeSpan.TicksPerMicrosecond;
        Window = (window + tick - 1) / tick;
        Identity = string.Create(CultureInfo.InvariantCulture,
            $"{(int)rule.Algorithm}:{Window * tick}:{(rule.Algorithm == LimitAlgorithm.TokenBucket ? tick : 1)}:{rule.Name}");
    }

    /// <summary>What must be the same for two rules' numbers to mean the same. Only a bucket's numbers are in ticks.</summary>
    public string Identity { get; }

    /// <summary>The rule, of this share: what callers are told.</summary>
    public LimitRule Rule { get; }

    /// <summary>The most that may pass at once.</summary>
    public long Quota { get; }

    /// <summary>The same of the whole fleet: what costs more never passes.</summary>
    public long Whole { get; }

    /// <summary>The unit of time, in microseconds.</summary>
    public long Tick { get; }

    /// <summary>The window, in ticks.</summary>
    public long Window { get; }

    /// <summary>Where this rule's numbers begin in an entry.</summary>
    protected int At { get; }

    /// <summary>How many numbers it keeps.</summary>
    public abstract int Size { get; }

    /// <summary>Brings the entry's numbers to this moment (in microseconds), in the frame.</summary>
    public void Look(Entry entry, Span<long> frame, long now)
    {
        var last = Last(entry);
        // A clock that steps back stands still until it has caught up.
        var moment = Math.Max(now, last);
        frame[4] = moment;
        if (Tick == 1)
        {
            frame[0] = moment;
            Roll(entry, frame, last);
        }
        else
        {
            frame[0] = moment / Tick;
            Roll(entry, frame, last / Tick);
        }
    }

    /// <summary>Whether so much may pass.</summary>
    public bool Passes(ReadOnlySpan<long> frame, int cost) => cost <= Whole && Fits(frame, Math.Min(cost, Quota));

    /// <summary>Counts it, in the entry and in the frame.</summary>
    public void Count(Entry entry, Span<long> frame, int cost) => Add(entry, frame, Math.Min(cost, Quota));

    /// <summary>When the entry last counted for this rule, in microseconds; 0 where it never did.</summary>
    public virtual long Last(Entry entry) => entry.Words[At];

    /// <summary>How long until so much would pass if nothing else came, in microseconds; the window where it never will.</summary>
    public long Wait(Entry entry, ReadOnlySpan<long> frame, int cost, long now) =>
        cost > Whole ? Window * Tick : Until(FitsAt(entry, frame, Math.Min(cost, Quota)), now);

    /// <summary>How long until the whole quota would pass, in microseconds.</summary>
    public long Recovery(Entry entry, ReadOnlySpan<long> frame, long now) =>
        Left(frame) == Quota ? 0 : Until(FullAt(entry, frame), now);

    /// <summary>Counts as much as leaves no more than that, because another place has refused.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="frame">The same at the moment of the refusal.</param>
    /// <param name="left">What was left there.</param>
    /// <param name="passes">When what was refused there would pass, in microseconds.</param>
    public void Exhaust(Entry entry, Span<long> frame, long left, long passes)
    {
        if (Left(frame) >= left)
        {
            Fill(entry, frame, left, passes / Tick);
        }
    }

    /// <summary>Counts as large a part of the quota as was counted of another share's.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="quota">The other share's quota.</param>
    public void Scale(Entry entry, long quota)
    {
        for (var i = At + 1; i < At + Size; i++)
        {
            entry.Words[i] = (long)(((Int128)entry.Words[i] * Quota + quota - 1) / quota);
        }
    }

    /// <summary>Copies what an entry counted for the same rule of another plan.</summary>
    /// <param name="before">The rule there.</param>
    /// <param name="entry">The entry, still under that plan.</param>
    /// <param name="words">Its numbers under this one.</param>
    /// <param name="rings">Its logs under this one.</param>
    public virtual void Carry(Tally before, Entry entry, long[] words, Ring[] rings) => Array.Copy(entry.Words, before.At, words, At, Size);

    /// <summary>How much would pass.</summary>
    public abstract long Left(ReadOnlySpan<long> frame);

    /// <summary>Brings the entry's numbers, written at <paramref name="last"/>, to the frame's moment.</summary>
    protected abstract void Roll(Entry entry, Span<long> frame, long last);

    protected abstract bool Fits(ReadOnlySpan<long> frame, long cost);

    protected abstract void Add(Entry entry, Span<long> frame, long cost);

    /// <summary>Writes what leaves so much, where what was refused would pass at that tick.</summary>
    protected abstract void Fill(Entry entry, ReadOnlySpan<long> frame, long left, long passes);

    /// <summary>The first tick at which what doesn't fit now would.</summary>
    protected abstract long FitsAt(Entry entry, ReadOnlySpan<long> frame, long cost);

    /// <summary>The first tick at which the whole quota would pass, where it doesn't now.</summary>
    protected abstract long FullAt(Entry entry, ReadOnlySpan<long> frame);

    // The product may not fit where the quotient does.
    private long Until(long tick, long now) => tick > (now + LongestTime) / Tick ? LongestTime : tick * Tick - now;
}
