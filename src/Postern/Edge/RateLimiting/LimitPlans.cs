using System.Collections.Frozen;
using Postern.Config;
using Postern.Pipeline;

namespace Postern.Edge.RateLimiting;

/// <summary>The limits of one route: those written at it or its gate, or those of each tier, for the route's group.</summary>
internal sealed class LimitPlans
{
    private readonly FrozenDictionary<string, RoutePlan> tiers;
    private readonly RoutePlan standard;

    private LimitPlans(FrozenDictionary<string, RoutePlan> tiers, RoutePlan standard) => (this.tiers, this.standard) = (tiers, standard);

    /// <summary>The limits that hold for a caller, known or not.</summary>
    public RoutePlan For(Consumer? consumer) =>
        consumer?.Tier is { } tier && tiers.TryGetValue(tier, out var plan) ? plan : standard;

    /// <summary>Each tier's, or the only one under an empty name; for <c>postern explain</c>.</summary>
    public IEnumerable<(string Tier, RoutePlan Plan)> All => tiers.Count == 0 ? [("", standard)] : tiers.Select(t => (t.Key, t.Value));

    /// <summary>Compiles a route's limits; null with every reason why not in the scope's check.</summary>
    public static LimitPlans? Of(RouteScope scope, RateLimitOptions options, string? group, int cost)
    {
        var own = scope.Route.Sections.Find(typeof(RateLimitSection)) is RateLimitSection { RateLimit: not null };
        var name = own ? $"route {scope.Gate.Name} {scope.Route.Method} {scope.Route.Template}" : $"gate {scope.Gate.Name}";
        if (!options.Tiers)
        {
            var written = (options.Allow ?? []).Select((rate, i) => Written(options, rate, i)).ToList();
            return Fits(scope, options, "allow", written, cost) ? new LimitPlans(FrozenDictionary<string, RoutePlan>.Empty, RoutePlan.Of("", name, written, [.. Enumerable.Range(0, written.Count)])) : null;
        }
        if (scope.Config.Root.Written<TiersSection>().Tiers is not { } tiers || tiers.Plans is not { Count: > 0 } plans)
        {
            scope.Check.Error(options, "tiers", "no tiers are defined at the root; add tiers: { default: free, free: { global: 100/minute } }");
            return null;
        }
        var known = plans.Values.SelectMany(p => p.Groups?.Keys ?? []).Distinct().ToList();
        if (group is not null && !known.Contains(group))
        {
            var near = Nearest.Of(group, known) is { } meant ? $"did you mean '{meant}'? " : "";
            scope.Check.Error(scope.Options<RateLimitSection>(), "group", $"no tier has a group '{group}'; {near}(defined: {string.Join(", ", known)})");
            return null;
        }
        var compiled = plans.ToDictionary(p => p.Key, p => Tier(scope, options, p.Key, p.Value, group, cost));
        return compiled.Values.All(p => p is not null) && compiled.GetValueOrDefault(tiers.Default ?? "") is { } standard
            ? new LimitPlans(compiled.ToFrozenDictionary(p => p.Key, p => p.Value!), standard) : null;
    }

    private static RoutePlan? Tier(RouteScope scope, RateLimitOptions options, string tier, TierOptions limits, string? group, int cost)
    {
        if (group is not null && limits.Groups?.TryGetValue(group, out var rate) is true && rate.IsNone)
        {
            return RoutePlan.Lacking(tier, group);
        }
        var (rules, uses) = (new List<LimitRule>(), new List<int>());
        if (limits.Global is { IsNone: false } global)
        {
            Add("global", global, used: true);
        }
        foreach (var (other, allowed) in limits.Groups ?? new Dictionary<string, Rate>())
        {
            if (!allowed.IsNone)
            {
                Add(other, allowed, other == group);
            }
        }
        // The same rules under the same name on each route: a tier's limits hold wherever the caller goes.
        return uses.Count == 0 ? RoutePlan.Unlimited(tier)
            : Fits(scope, options, "tiers", [.. uses.Select(u => rules[u])], cost) ? RoutePlan.Of(tier, $"tier {tier}", rules, uses) : null;

        void Add(string limit, Rate allowed, bool used)
        {
            if (used)
            {
                uses.AddRange(limits.Burst is null ? [rules.Count] : [rules.Count, rules.Count + 1]);
            }
            rules.Add(new LimitRule(limit, LimitAlgorithm.SlidingWindow, allowed.Count, allowed.Per, allowed.Count));
            if (limits.Burst is { } burst)
            {
                var capacity = (long)(burst.Factor * allowed.Count * burst.Over.Ticks / allowed.Per.Ticks);
                rules.Add(new LimitRule($"{limit}-burst", LimitAlgorithm.TokenBucket, allowed.Count, allowed.Per, Math.Max(1, capacity)));
            }
        }
    }

    private static LimitRule Written(RateLimitOptions options, Rate rate, int i) =>
        new(i == 0 ? "default" : $"default-{i + 1}", options.Algorithm, rate.Count, rate.Per, options.Burst ?? rate.Count);

    /// <summary>A request that counts more than a limit holds would never pass.</summary>
    private static bool Fits(RouteScope scope, RateLimitOptions options, string key, List<LimitRule> rules, int cost)
    {
        if (rules.Find(r => Math.Min(r.Limit, r.Capacity) < cost && cost > 1) is not { } tight)
        {
            return true;
        }
        scope.Check.Error(options, key, $"a request counts {cost}, but limit '{tight.Name}' never holds more than {Math.Min(tight.Limit, tight.Capacity)}; lower the cost or raise the limit");
        return false;
    }
}

/// <summary>What holds for callers of one tier on one route.</summary>
/// <param name="Tier">The tier; empty where there are none.</param>
/// <param name="Plan">The limits; null for none at all, or where the tier lacks the group.</param>
/// <param name="Lacks">The group that the tier lacks, or null.</param>
internal sealed record RoutePlan(string Tier, LimitPlan? Plan, string? Lacks)
{
    /// <summary><c>RateLimit-Policy</c>, the same on each answer.</summary>
    public string Policy { get; } = Plan is null ? "" : string.Join(", ", Plan.Uses.Select(u => LimitFields.Policy(Plan.Rules[u])));

    /// <summary>The fields that change, by rule.</summary>
    public LimitFields[] Fields { get; } = Plan is null ? [] : [.. Plan.Rules.Select(r => new LimitFields(r))];

    public static RoutePlan Of(string tier, string name, IReadOnlyList<LimitRule> rules, IReadOnlyList<int> uses) => new(tier, new LimitPlan(name, rules, uses), null);

    public static RoutePlan Lacking(string tier, string group) => new(tier, null, group);

    public static RoutePlan Unlimited(string tier) => new(tier, null, null);
}
