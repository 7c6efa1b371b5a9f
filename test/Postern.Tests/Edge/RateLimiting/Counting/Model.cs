using System.Numerics;
using Postern.Edge.RateLimiting;

namespace Postern.Tests.Edge.RateLimiting.Counting;

/// <summary>
/// What README.md beside the counters says, told the slow way: every unit that passed is kept, and each question is answered from
/// all of them, in fractions of unbounded numbers.
/// </summary>
internal sealed class Model(LimitPlan plan)
{
    private readonly List<Unit>[] passed = [.. plan.Rules.Select(_ => new List<Unit>())];

    public int Count => plan.Rules.Count;

    public long Moment(int rule, long now) => passed[rule] is [.., var last] ? Math.Max(now, last.Moment) : now;

    public static long Quota(LimitRule rule) => rule.Algorithm == LimitAlgorithm.TokenBucket ? rule.Capacity : rule.Limit;

    /// <summary>The rule as one of so many instances has it.</summary>
    public LimitRule Shared(int rule, int instances) => plan.Rules[rule] with
    {
        Limit = Math.Max(1, plan.Rules[rule].Limit / instances),
        Capacity = Math.Max(1, plan.Rules[rule].Capacity / instances),
    };

    public bool NeverPasses(int rule, int cost) => cost > Quota(plan.Rules[rule]);

    /// <summary>Whether a rule alone would let so much pass.</summary>
    public bool Passes(int rule, long now, long cost, int instances)
    {
        var own = Shared(rule, instances);
        if (cost > Quota(plan.Rules[rule]))
        {
            return false;
        }
        cost = Math.Min(cost, Quota(own));
        var tick = Tick(rule);
        var (at, window) = (Moment(rule, now) / tick, Window(rule));
        return own.Algorithm switch
        {
            LimitAlgorithm.FixedWindow => Within(rule, at / window * window, (at / window + 1) * window) + cost <= own.Limit,
            LimitAlgorithm.SlidingLog => Within(rule, at - window + 1, at + 1) + cost <= own.Limit,
            LimitAlgorithm.SlidingWindow => Slide(rule, at, window) + cost <= (Fraction)own.Limit,
            _ => Missing(rule, at, own.Limit) + cost <= (Fraction)own.Capacity,
        };
    }

    public void Add(IEnumerable<int> rules, long now, int cost, int instances)
    {
        foreach (var i in rules)
        {
            var (own, moment) = (Shared(i, instances), Moment(i, now));
            passed[i].Add(new Unit(moment, moment / Tick(i), Math.Min(cost, Quota(own)), own.Limit));
        }
    }

    public long Tick(int rule)
    {
        var own = plan.Rules[rule];
        if (own.Algorithm is LimitAlgorithm.FixedWindow or LimitAlgorithm.SlidingLog)
        {
            return 1;
        }
        var most = new BigInteger(own.Algorithm == LimitAlgorithm.TokenBucket ? Math.Max(own.Limit, own.Capacity) : own.Limit);
        for (var tick = 1L; ; tick *= 10)
        {
            if (3 * most * Rounded(own, tick) < BigInteger.Pow(2, 53))
            {
                return tick;
            }
        }
    }

    public long Window(int rule) => Rounded(plan.Rules[rule], Tick(rule));

    private static long Rounded(LimitRule rule, long tick) => (long)Math.Ceiling(rule.Window.TotalMicroseconds / tick);

    private long Within(int rule, long from, long to) => passed[rule].Where(u => u.At >= from && u.At < to).Sum(u => u.Cost);

    private Fraction Slide(int rule, long at, long window)
    {
        var start = at / window * window;
        var covered = new Fraction(window - (at - start), window);
        return covered * Within(rule, start - window, start) + Within(rule, start, start + window);
    }

    private Fraction Missing(int rule, long at, long limit)
    {
        var (missing, before) = (new Fraction(0, 1), 0L);
        foreach (var unit in passed[rule])
        {
            missing = Refilled(rule, missing, unit.At - before, unit.Limit) + unit.Cost;
            before = unit.At;
        }
        return Refilled(rule, missing, at - before, limit);
    }

    private Fraction Refilled(int rule, Fraction missing, long ticks, long limit)
    {
        var rest = missing + -new Fraction((BigInteger)limit * ticks, Window(rule));
        return rest <= new Fraction(0, 1) ? new Fraction(0, 1) : rest;
    }

    private readonly record struct Unit(long Moment, long At, long Cost, long Limit);

    /// <summary>An exact fraction.</summary>
    private readonly record struct Fraction(BigInteger Over, BigInteger Under)
    {
        public static implicit operator Fraction(long whole) => new(whole, 1);

        public static Fraction operator +(Fraction a, Fraction b) => Reduced(a.Over * b.Under + b.Over * a.Under, a.Under * b.Under);

        public static Fraction operator *(Fraction a, Fraction b) => Reduced(a.Over * b.Over, a.Under * b.Under);

        public static Fraction operator -(Fraction a) => new(-a.Over, a.Under);

        public static bool operator <=(Fraction a, Fraction b) => a.Over * b.Under <= b.Over * a.Under;

        public static bool operator >=(Fraction a, Fraction b) => b <= a;

        private static Fraction Reduced(BigInteger over, BigInteger under)
        {
            var common = BigInteger.GreatestCommonDivisor(over, under);
            return new Fraction(over / common, under / common);
        }
    }
}
