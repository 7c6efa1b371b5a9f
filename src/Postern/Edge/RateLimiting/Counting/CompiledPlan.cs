using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Edge.RateLimiting.Counting;

/// <summary>
/// A plan made ready to count with: the rules' arithmetic, and the plan for each share of a fleet. What was counted under a plan
/// goes on to count under another of the same name, rule by rule, where algorithm, window and tick are the same: so counters
/// outlive a change of limits, and of the number of instances.
/// </summary>
internal sealed class CompiledPlan
{
    /// <summary>The most rules of a plan.</summary>
    public const int MostRules = 256;

    /// <summary>The most rules that are decided at once.</summary>
    public const int MostUses = 16;

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
    private readonly Tally[] used;
    private readonly int[] uses;
    private readonly long cheapest;

    private CompiledPlan(LimitPlan plan, CompiledPlan? whole)
    {
        Plan = plan;
        this.whole = whole ?? this;
        shares = whole?.shares ?? new CompiledPlan?[MostInstances + 1];
        tallies = new Tally[plan.Rules.Count];
        for (var i = 0; i < tallies.Length; i++)
        {
            tallies[i] = MakeTally(plan.Rules[i], whole?.tallies[i]);
        }
        uses = [.. plan.Uses];
        used = [.. uses.Select(u => tallies[u])];
        cheapest = used.Min(t => t.Whole);
        Span<ulong> named = stackalloc ulong[4];
        Digest(plan.Name, named);
        (Id, LongKeyId, SharedId) = (named[0], named[1], named[2]);
        Digest(string.Join('\n', tallies.Select(t => t.Identity)), named);
        Shape = named[0];
        Nobody = new Entry(Id, "", 0, this, 0);
    }

    /// <summary>The plan, with the limits of this share: what callers are told.</summary>
    public LimitPlan Plan { get; }

    /// <summary>Tells the counters of this name from all others.</summary>
    public ulong Id { get; }

    /// <summary>The same for keys that are kept as a digest.</summary>
    public ulong LongKeyId { get; }

    /// <summary>The same for what keys without room of their own share.</summary>
    public ulong SharedId { get; }

    /// <summary>The same for plans whose entries keep the same numbers in the same places.</summary>
    public ulong Shape { get; }

    /// <summary>How many numbers an entry keeps.</summary>
    public int WordCount { get; private set; }

    /// <summary>How many logs an entry keeps.</summary>
    public int RingCount { get; private set; }

    /// <summary>How many times a shared entry's logs have room for.</summary>
    public int SharedRoom { get; private set; }

    /// <summary>How many rules are decided.</summary>
    public int UseCount => used.Length;

    /// <summary>An entry under which nothing was counted, and nothing ever is.</summary>
    public Entry Nobody { get; }

    /// <summary>Makes a plan ready.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of the bounds that stand above.</exception>
    public static CompiledPlan Compile(LimitPlan plan)
    {
        InRange(plan.Rules.Count, MostRules);
        InRange(plan.Uses.Count, MostUses);
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

    /// <summary>How many times a new entry's logs need room for.</summary>
    public int RoomFor(int cost) => Array.Exists(used, t => t is SlidingLog) ? Math.Max(SlidingLog.FirstRoom, cost) : SlidingLog.FirstRoom;

    /// <summary>Brings an entry to this moment, in the frame; returns a bit for each rule that refuses.</summary>
    public int Weigh(Entry entry, Span<long> frame, long now, int cost)
    {
        var refusing = 0;
        for (var i = 0; i < used.Length; i++)
        {
            var own = Own(frame, i);
            used[i].Look(entry, own, now);
            if (!used[i].Passes(own, cost))
            {
                refusing |= 1 << i;
            }
        }
        return refusing;
    }

    /// <summary>Counts what no rule refused.</summary>
    public LimitDecision Pass(Entry entry, Span<long> frame, long now, int cost)
    {
        var (tightest, left) = (0, long.MaxValue);
        for (var i = 0; i < used.Length; i++)
        {
            var tally = used[i];
            tally.Count(entry, Own(frame, i), cost);
            var mine = tally.Left(Own(frame, i));
            if (mine < left)
            {
                (tightest, left) = (i, mine);
            }
        }
        return new LimitDecision(true, uses[tightest], left, Time(used[tightest].Recovery(entry, Own(frame, tightest), now)), TimeSpan.Zero);
    }

    /// <summary>Says what the rules that refuse would have; changes nothing.</summary>
    public LimitDecision Refuse(Entry entry, Span<long> frame, int refusing, long now, int cost)
    {
        var (tightest, longest) = (0, -1L);
        for (var i = 0; i < used.Length; i++)
        {
            if ((refusing >> i & 1) != 0 && used[i].Wait(entry, Own(frame, i), cost, now) is var wait && wait > longest)
            {
                (tightest, longest) = (i, wait);
            }
        }
        var tally = used[tightest];
        var own = Own(frame, tightest);
        return new LimitDecision(false, uses[tightest], tally.Left(own), Time(tally.Recovery(entry, own, now)), Time(longest));
    }

    /// <summary>Leaves of the rule that refused elsewhere no more than was left there.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="refused">What was decided there.</param>
    /// <param name="at">When.</param>
    /// <param name="former">The share that is used up already, if one is. What came back to it since then, and what of that was used, stays so.</param>
    public void Exhaust(Entry entry, in LimitDecision refused, long at, CompiledPlan? former)
    {
        Span<long> frame = stackalloc long[Tally.FrameSize];
        var tally = tallies[refused.Tightest];
        if (former?.tallies[refused.Tightest].Quota is { } quota && refused.Remaining <= quota)
        {
            tally.Scale(entry, quota);
            return;
        }
        tally.Look(entry, frame, at);
        tally.Exhaust(entry, frame, refused.Remaining, at + refused.RetryAfter.Ticks / TimeSpan.TicksPerMicrosecond);
    }

    /// <summary>What is left of each of the plan's rules, used or not.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="floor">The moment it is looked at, at least.</param>
    /// <param name="now">The moment from which times are told.</param>
    public LimitReading[] Read(Entry entry, long floor, long now)
    {
        var readings = new LimitReading[tallies.Length];
        Span<long> frame = stackalloc long[Tally.FrameSize];
        for (var i = 0; i < tallies.Length; i++)
        {
            var tally = tallies[i];
            tally.Look(entry, frame, Math.Max(now, floor));
            readings[i] = new LimitReading(tally.Rule, tally.Left(frame), Time(tally.Recovery(entry, frame, now)));
        }
        return readings;
    }

    /// <summary>How much of its tightest quota an entry has used, in thousandths rounded down; 0 only where nothing at all is.</summary>
    public int Used(Entry entry, long now)
    {
        var most = 0L;
        Span<long> frame = stackalloc long[Tally.FrameSize];
        foreach (var tally in tallies)
        {
            if (tally.Last(entry) != 0)
            {
                tally.Look(entry, frame, now);
                var used = tally.Quota - tally.Left(frame);
                most = Math.Max(most, used == 0 ? 0 : Math.Max(1, used * 1000 / tally.Quota));
            }
        }
        return entry.Former is { } former ? Math.Max((int)most, former.Plan.Used(former, now)) : (int)most;
    }

    /// <summary>Whether another plan has rules that this one hasn't.</summary>
    public bool Lacks(CompiledPlan other) => !Array.TrueForAll(other.tallies, t => Array.Exists(tallies, own => own.Identity == t.Identity));

    /// <summary>Copies what an entry counted under another plan, for the rules that are still there.</summary>
    public void Carry(Entry entry, long[] words, Ring[] rings)
    {
        foreach (var tally in tallies)
        {
            if (Array.Find(entry.Plan.tallies, t => t.Identity == tally.Identity) is { } before)
            {
                tally.Carry(before, entry, words, rings);
            }
        }
    }

    /// <summary>The arithmetic of a rule.</summary>
    public Tally TallyOf(int rule) => tallies[rule];

    /// <summary>The log that a used rule keeps, if it does.</summary>
    public SlidingLog? LogOf(int use) => used[use] as SlidingLog;

    /// <summary>The part of a frame that is a used rule's.</summary>
    public static Span<long> Own(Span<long> frame, int use) => frame.Slice(use * Tally.FrameSize, Tally.FrameSize);

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

    private static void Digest(string text, Span<ulong> numbers)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(text), digest);
        for (var i = 0; i < numbers.Length; i++)
        {
            numbers[i] = BinaryPrimitives.ReadUInt64LittleEndian(digest[(i * 8)..]);
        }
    }

    private Tally MakeTally(LimitRule rule, Tally? ofWhole)
    {
        var at = WordCount;
        var quota = ofWhole?.Whole ?? (rule.Algorithm == LimitAlgorithm.TokenBucket ? rule.Capacity : rule.Limit);
        // A share keeps the tick of the whole plan, so that the numbers mean the same.
        var tick = ofWhole?.Tick ?? TickOf(rule);
        Tally tally = rule.Algorithm switch
        {
            LimitAlgorithm.FixedWindow => new FixedWindow(rule, quota, at),
            LimitAlgorithm.SlidingWindow => new SlidingWindow(rule, quota, tick, at),
            LimitAlgorithm.TokenBucket => new TokenBucket(rule, quota, tick, at),
            _ => new SlidingLog(rule, quota, RingCount++),
        };
        WordCount += tally.Size;
        if (tally is SlidingLog)
        {
            SharedRoom = Math.Max(SharedRoom, (int)quota);
        }
        return tally;
    }

    private LimitPlan Share(int instances) => whole.Plan with
    {
        Rules = [.. whole.Plan.Rules.Select(r => r with { Limit = Math.Max(1, r.Limit / instances), Capacity = Math.Max(1, r.Capacity / instances) })],
    };
}
