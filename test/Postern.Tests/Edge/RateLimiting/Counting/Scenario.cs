using FsCheck;
using FsCheck.Fluent;
using Postern.Edge.RateLimiting;

namespace Postern.Tests.Edge.RateLimiting.Counting;

/// <summary>One request: how long after the one before (or before it, where the clock goes back), how much it counts, and which rules
/// it uses, by bit.</summary>
internal sealed record Step(long Later, int Cost, int Instances, int Uses)
{
    public IEnumerable<int> Rules => Enumerable.Range(0, 16).Where(i => (Uses >> i & 1) != 0);
}

/// <summary>A plan and the requests that come.</summary>
internal sealed record Scenario(LimitPlan Plan, long Start, IReadOnlyList<Step> Steps)
{
    private static readonly TimeSpan[] Windows =
    [
        TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1),
        TimeSpan.FromMilliseconds(86_399_999), TimeSpan.FromHours(1), TimeSpan.FromDays(1), TimeSpan.FromDays(30), TimeSpan.FromSeconds(7) + TimeSpan.FromMicroseconds(3),
    ];

    public override string ToString() =>
        $"{string.Join("; ", Plan.Rules.Select(r => $"{r.Algorithm} {r.Limit}/{r.Window} of {r.Capacity}"))} from {Start}: {string.Join(", ", Steps.Select(s => $"+{s.Later} {s.Cost}/{s.Instances} by {s.Uses}"))}";

    /// <summary>Any plan of one of the algorithms, or of several, and anything that may come.</summary>
    public static Arbitrary<Scenario> Any(int mostRules, int mostInstances, params LimitAlgorithm[] algorithms)
    {
        var scenarios =
            from rules in Gen.Choose(1, mostRules).SelectMany(n => Rules(algorithms).ArrayOf(n))
            from start in Gen.Choose(0, 2_000_000_000)
            from micros in Gen.Choose(0, 999_999)
            from onEdge in Gen.Elements(true, false)
            from steps in Gen.Choose(1, 40).SelectMany(n => Requests(rules, mostInstances).ArrayOf(n))
            select new Scenario(new LimitPlan("p", [.. rules.Select((r, i) => r with { Name = $"r{i}" })], [.. Enumerable.Range(0, rules.Length)]), onEdge ? start * 1_000_000L / Micros(rules[0]) * Micros(rules[0]) : start * 1_000_000L + micros, steps);
        return Arb.From(scenarios, s => Enumerable.Range(0, s.Steps.Count)
            .Select(i => s with { Steps = [.. s.Steps.Take(i), .. s.Steps.Skip(i + 1)] }));
    }

    private static Gen<LimitRule> Rules(LimitAlgorithm[] algorithms) =>
        from algorithm in Gen.Elements(algorithms)
        from window in Gen.Elements(Windows)
        from limit in Gen.Frequency((6, Gen.Choose(1, 12)), (2, Gen.Choose(1, 1000)), (1, Gen.Choose(1, 1_000_000)), (1, Gen.Constant(1_000_000)))
        from capacity in Gen.Frequency((6, Gen.Choose(1, 12)), (2, Gen.Choose(1, 1000)), (1, Gen.Choose(1, 50_000_000)))
        let most = algorithm == LimitAlgorithm.SlidingLog ? 60 : 1_000_000
        select new LimitRule("r", algorithm, Math.Min(limit, most), window, capacity);

    private static Gen<Step> Requests(LimitRule[] rules, int mostInstances) =>
        from rule in Gen.Elements(rules)
        let window = Micros(rule)
        from later in Gen.Frequency(
            (6, Gen.Constant(0L)),
            (2, Gen.Choose(1, 1000).Select(n => (long)n)),
            (6, Gen.Choose(0, 32).SelectMany(n => Gen.Choose(-1, 1).Select(more => Math.Max(0, n * window / 16 + more)))),
            (3, Gen.Constant(Math.Max(1, window / rule.Limit))),
            (1, Gen.Choose(1, 400).Select(days => days * 86_400_000_000L)),
            (1, Gen.Choose(1, 1_000_000).Select(n => -(long)n)),
            (1, Gen.Choose(1, 40).Select(n => -n * window / 16)))
        from cost in Gen.Frequency((6, Gen.Constant(1)), (2, Gen.Choose(1, 5)), (2, Gen.Choose(1, (int)Math.Min(1_000_000, Model.Quota(rule)) + 1)))
        from instances in Gen.Choose(1, mostInstances)
        let all = (1 << rules.Length) - 1
        from uses in Gen.Frequency((2, Gen.Constant(all)), (1, Gen.Choose(1, all)))
        select new Step(later, cost, instances, uses);

    private static long Micros(LimitRule rule) => rule.Window.Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>The plan that decides only some of the rules.</summary>
    public LimitPlan Using(Step step) => Plan with { Uses = [.. step.Rules] };
}
