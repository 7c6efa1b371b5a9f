using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Edge.RateLimiting.Counting;

/// <summary>
/// A plan made ready to count with: the rules' arithmetic, and the plan for each share of a fleet. What was counted under a plan
/// goes on to count under another of the same shape, that is of the same name, algorithms, windows and ticks: so counters outlive
/// a change of limits and of the number of instances.
/// </summary>
internal sealed class CompiledPlan
{
    /// <summary>The most rules of a plan.</summary>
    public const int MostRules = 16;

    /// <summary>The highest limit.</summary>
    public const long MostLimit = 1_000_000;

    /// <summary>The largest bucket. The product of two still fits in 53 bits.</summary>
    public const long MostCapacity = 50_000_000;

    /// <summary>The highest limit of a sliding log: at eight bytes each.</summary>
    public const long MostLogged = 10_000;

    /// <summary>The most instances that share a plan; more get the share of so many.</summary>
    public const int MostInstances = 1024;

    /// <summary>The shortest window.</summary>
    public static readonly TimeSpan ShortestWindow = TimeSpan.FromMilliseconds(1);

    /// <summary>The longest window.</summary>
    public static readonly TimeSpan LongestWindow = TimeSpan.FromDays(30);

    private const long Exact = 1L << 53;

    private readonly CompiledPlan whole;
    private readonly CompiledPlan?[] shares;
    private readonly Tally[] tallies;
    private readonly long cheapest = long.MaxValue;

    private CompiledPlan(LimitPlan plan, CompiledPlan? whole)
    {
        Plan = plan;
        this.whole = whole ?? this;
        shares = whole?.shares ?? new CompiledPlan?[MostInstances + 1];
        tallies = new Tally[plan.Rules.Count];
        for (var i = 0; i < tallies.Length; i++)
        {
            var tally = tallies[i] = MakeTally(plan.Rules[i], whole?.tallies[i]);
            cheapest = Math.Min(cheapest, tally.Whole);
        }
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(Shape()), digest);
        Id = BinaryPrimitives.ReadUInt64LittleEndian(digest);
        LongKeyId = BinaryPrimitives.ReadUInt64LittleEndian(digest[8..]);
        SharedId = BinaryPrimitives.ReadUInt64LittleEndian(digest[16..]);
        Nobody = new Entry(Id, "", 0, this, 0);
    }

    /// <summary>The plan, with the limits of this share: what callers are told.</summary>
    public LimitPlan Plan { get; }

    /// <summary>Tells the counters of this shape from all others.</summary>
    public ulong Id { get; }

    /// <summary>The same for keys that are kept as a digest.</summary>
    public ulong LongKeyId { get; }

    /// <summary>The same for what keys without room of their own share.</summary>
    public ulong SharedId { get; }

    /// <summary>How many numbers an entry keeps.</summary>
    public int WordCount { get; private set; }

    /// <summary>How many logs an entry keeps.</summary>
    public int RingCount { get; private set; }

    /// <summary>How many rules.</summary>
    public int Count => tallies.Length;

    /// <summary>How many times a shared entry's logs have room for.</summary>
    public int SharedRoom { get; private set; }

    /// <summary>An entry under which nothing was counted, and nothing ever is.</summary>
    public Entry Nobody { get; }

    /// <summary>Makes a plan ready.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of the bounds that stand above.</exception>
    public static CompiledPlan Compile(LimitPlan plan)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(plan.Rules.Count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(plan.Rules.Count, MostRules);
        foreach (var rule in plan.Rules)
        {
            InRange(rule.Limit, rule.Algorithm == LimitAlgorithm.SlidingLog ? MostLogged : MostLimit);
            if (rule.Algorithm == LimitAlgorithm.TokenBucket)
            {
                InRange(rule.Capacity, MostCapacity);
            }
            ArgumentOutOfRangeException.ThrowIfLessThan(rule.Window, ShortestWindow);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(rule.Window, LongestWindow);
        }
        return new CompiledPlan(plan, null);
    }

    /// <summary>The same plan for one of so many instances that count apart: each limit divided by them, rounded down, but at least one.</summary>
    public CompiledPlan ForOneOf(int instances)
    {
        instances = Math.Clamp(instances, 1, MostInstances);
        if (instances == 1)
        {
            return whole;
        }
        return Volatile.Read(ref shares[instances]) is { } share
            ? share
            : Interlocked.CompareExchange(ref shares[instances], share = new CompiledPlan(Share(instances), whole), null) ?? share;
    }

    /// <summary>Whether so much ever passes.</summary>
    public bool EverPasses(int cost) => cost <= cheapest;

    /// <summary>Brings an entry to a moment, in the frame; returns a bit for each rule that refuses.</summary>
    public int Weigh(Entry entry, Span<long> frame, long moment, int cost)
    {
        var refusing = 0;
        for (var i = 0; i < tallies.Length; i++)
        {
            var own = Own(frame, i);
            tallies[i].Look(entry, own, moment);
            if (!tallies[i].Passes(own, cost))
            {
                refusing |= 1 << i;
            }
        }
        return refusing;
    }

    /// <summary>Counts what no rule refused.</summary>
    public LimitDecision Pass(Entry entry, Span<long> frame, long moment, long now, int cost)
    {
        var (tightest, left, quota) = (0, 0L, 0L);
        for (var i = 0; i < tallies.Length; i++)
        {
            var tally = tallies[i];
            tally.Count(entry, Own(frame, i), cost);
            var mine = tally.Left(Own(frame, i));
            if (i == 0 || mine * quota < left * tally.Quota)
            {
                (tightest, left, quota) = (i, mine, tally.Quota);
            }
        }
        entry.Last = moment;
        return new LimitDecision(true, tightest, left, Time(tallies[tightest].Recovery(entry, Own(frame, tightest), now)), TimeSpan.Zero);
    }

    /// <summary>Says what the rules that refuse would have; changes nothing.</summary>
    public LimitDecision Refuse(Entry entry, ReadOnlySpan<long> frame, int refusing, long now, int cost)
    {
        var (tightest, longest) = (0, -1L);
        for (var i = 0; i < tallies.Length; i++)
        {
            if ((refusing >> i & 1) != 0 && tallies[i].Wait(entry, Own(frame, i), cost, now) is var wait && wait > longest)
            {
                (tightest, longest) = (i, wait);
            }
        }
        var rule = tallies[tightest];
        return new LimitDecision(false, tightest, rule.Left(Own(frame, tightest)), Time(rule.Recovery(entry, Own(frame, tightest), now)), Time(longest));
    }

    /// <summary>What is left of each rule.</summary>
    public LimitReading[] Read(Entry entry, Span<long> frame, long moment, long now)
    {
        var readings = new LimitReading[tallies.Length];
        for (var i = 0; i < tallies.Length; i++)
        {
            var own = Own(frame, i);
            tallies[i].Look(entry, own, moment);
            readings[i] = new LimitReading(tallies[i].Rule, tallies[i].Left(own), Time(tallies[i].Recovery(entry, own, now)));
        }
        return readings;
    }

    /// <summary>How much of its tightest quota an entry has used, in thousandths rounded down; 0 only where nothing at all is.</summary>
    public int Used(Entry entry, Span<long> frame, long moment)
    {
        var most = 0L;
        for (var i = 0; i < tallies.Length; i++)
        {
            var tally = tallies[i];
            var own = Own(frame, i);
            tally.Look(entry, own, moment);
            var used = tally.Quota - tally.Left(own);
            most = Math.Max(most, used == 0 ? 0 : Math.Max(1, used * 1000 / tally.Quota));
        }
        return (int)most;
    }

    /// <summary>The arithmetic of a rule.</summary>
    public Tally TallyOf(int rule) => tallies[rule];

    /// <summary>The log that rule keeps, if it does.</summary>
    public SlidingLog? LogOf(int rule) => tallies[rule] as SlidingLog;

    /// <summary>The part of a frame that is a rule's.</summary>
    public static Span<long> Own(Span<long> frame, int rule) => frame.Slice(rule * Tally.FrameSize, Tally.FrameSize);

    private static ReadOnlySpan<long> Own(ReadOnlySpan<long> frame, int rule) => frame.Slice(rule * Tally.FrameSize, Tally.FrameSize);

    private static TimeSpan Time(long microseconds) => new(microseconds * TimeSpan.TicksPerMicrosecond);

    private static void InRange(long value, long most)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most);
    }

    /// <summary>The shortest power of ten of microseconds in which the rule's products stay below 2^53; see README.md.</summary>
    private static long TickOf(LimitRule rule)
    {
        var most = rule.Algorithm == LimitAlgorithm.TokenBucket ? Math.Max(rule.Limit, rule.Capacity) : rule.Limit;
        var window = rule.Window.Ticks / TimeSpan.TicksPerMicrosecond;
        var tick = 1L;
        while ((Int128)3 * most * ((window + tick - 1) / tick) >= Exact)
        {
            tick *= 10;
        }
        return tick;
    }

    private Tally MakeTally(LimitRule rule, Tally? ofWhole)
    {
        var at = WordCount;
        var quota = ofWhole?.Whole ?? (rule.Algorithm == LimitAlgorithm.TokenBucket ? rule.Capacity : rule.Limit);
        // A share keeps the tick of the whole plan, so that the numbers mean the same.
        var tick = ofWhole?.Tick ?? TickOf(rule);
        switch (rule.Algorithm)
        {
            case LimitAlgorithm.FixedWindow:
                WordCount += 1;
                return new FixedWindow(rule, quota, at);
            case LimitAlgorithm.SlidingWindow:
                WordCount += 2;
                return new SlidingWindow(rule, quota, tick, at);
            case LimitAlgorithm.TokenBucket:
                WordCount += 1;
                return new TokenBucket(rule, quota, tick, at);
            default:
                SharedRoom = Math.Max(SharedRoom, (int)quota);
                return new SlidingLog(rule, quota, at, RingCount++);
        }
    }

    private LimitPlan Share(int instances) => whole.Plan with
    {
        Rules = [.. whole.Plan.Rules.Select(r => r with { Limit = Math.Max(1, r.Limit / instances), Capacity = Math.Max(1, r.Capacity / instances) })],
    };

    private string Shape()
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{Plan.Name.Length}:{Plan.Name}");
        foreach (var tally in tallies)
        {
            text.Append(CultureInfo.InvariantCulture, $"|{(int)tally.Rule.Algorithm}:{tally.Window}:{tally.Tick}");
        }
        return text.ToString();
    }
}
