using System.Collections.Frozen;
using Postern.Config;
using Postern.Edge.RateLimiting.Counting;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

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

    /// <summary>Each tier's, or the only one; for <c>postern explain</c>.</summary>
    public IEnumerable<RoutePlan> All => tiers.Count == 0 ? [standard] : tiers.Values.OrderBy(t => t == standard ? "" : t.Tier, StringComparer.Ordinal);

    /// <summary>Compiles a route's limits; null with every reason why not in the scope's check.</summary>
    public static LimitPlans? Of(RouteScope scope, RateLimitSection section, RateLimitOptions options, LimitKey key)
    {
        var route = new RouteLimits(scope, section, options, key);
        if (!options.Tiers)
        {
            var own = scope.Route.Sections.Find(typeof(RateLimitSection)) is RateLimitSection { RateLimit: not null };
            return route.Written(own ? $"route {NameOf(scope)}" : $"gate {scope.Gate.Name}") is { } written
                ? new LimitPlans(FrozenDictionary<string, RoutePlan>.Empty, written) : null;
        }
        if (scope.Config.Root.Written<TiersSection>().Tiers is not { Plans: { Count: > 0 } plans } tiers)
        {
            if (!scope.Config.Root.Origin.Has("tiers"))
            {
                scope.Check.Error(options, "tiers", "no tiers are defined at the root; add tiers: { default: free, free: { global: 100/minute } }");
            }
            return null;
        }
        var known = plans.Values.SelectMany(p => p.Groups?.Keys ?? []).Distinct().ToList();
        if (section.Group is { } group && !known.Contains(group))
        {
            var near = Nearest.Of(group, known) is { } meant ? $"did you mean '{meant}'? " : "";
            scope.Check.Error(section, "group", $"no tier has a group '{group}'; {near}(defined: {string.Join(", ", known)})");
            return null;
        }
        var compiled = plans.ToDictionary(p => p.Key, p => route.Tier(p.Key, p.Value));
        return compiled.Values.All(p => p is not null) && compiled.GetValueOrDefault(tiers.Default ?? "") is { } standard
            ? new LimitPlans(compiled.ToFrozenDictionary(p => p.Key, p => p.Value!), standard) : null;
    }

    /// <summary>Tells the route from all others: where they differ in <c>when</c> only, by a digest of that, which may hold secrets.</summary>
    public static string NameOf(RouteScope scope)
    {
        var name = $"{scope.Gate.Name} {scope.Route.Method} {scope.Route.Template}";
        return scope.Route.When is { } when ? $"{name} when {ConfigText.Fingerprint(when)[..12]}" : name;
    }
}

/// <summary>What holds for callers of one tier on one route.</summary>
/// <param name="Tier">The tier; null where the limit is written.</param>
/// <param name="Counted">The limits; null for none at all, or where the tier lacks the group.</param>
/// <param name="Lacks">The group that the tier lacks, or null.</param>
/// <param name="Count">What came of requests.</param>
internal sealed record RoutePlan(string? Tier, CountedPlan? Counted, string? Lacks, LimitMetrics Count);

/// <summary>Makes the plans of one route.</summary>
internal sealed class RouteLimits(RouteScope scope, RateLimitSection section, RateLimitOptions options, LimitKey key)
{
    private readonly string? group = section.Group;
    private readonly int cost = section.Cost ?? 1;

    /// <summary>The limits that are written at the route or its gate.</summary>
    public RoutePlan? Written(string name)
    {
        var rules = (options.Allow ?? []).Select((rate, i) =>
            new LimitRule(i == 0 ? "default" : $"default-{i + 1}", options.Algorithm, rate.Count, rate.Per, options.Burst ?? rate.Count)).ToList();
        return Counted("allow", name, rules, [.. Enumerable.Range(0, rules.Count)]) is { } counted ? Make(null, counted, null) : null;
    }

    /// <summary>The limits of a tier.</summary>
    public RoutePlan? Tier(string tier, TierOptions limits)
    {
        if (limits.Burst?.Problem is not null || limits.Global?.Problem is not null || limits.Groups?.Values.Any(r => r.Problem is not null) is true)
        {
            return null; // it was told where it stands
        }
        if (group is not null && limits.Groups?.TryGetValue(group, out var rate) is true && rate.IsNone)
        {
            return Make(tier, null, group);
        }
        var (rules, uses) = (new List<LimitRule>(), new List<int>());
        if (limits.Global is { IsNone: false } global)
        {
            Add("global", global, used: true);
        }
        // The same rules under the same name on each route: a tier's limits hold wherever the caller goes.
        foreach (var (name, allowed) in limits.Groups ?? new Dictionary<string, Rate>())
        {
            if (!allowed.IsNone)
            {
                Add(name, allowed, name == group);
            }
        }
        if (uses.Count == 0)
        {
            return Make(tier, null, null);
        }
        return Counted("tiers", $"tier {tier}", rules, uses) is { } counted ? Make(tier, counted, null) : null;

        void Add(string name, Rate allowed, bool used)
        {
            if (used)
            {
                uses.AddRange(limits.Burst is null ? [rules.Count] : [rules.Count, rules.Count + 1]);
            }
            rules.Add(new LimitRule(name, LimitAlgorithm.SlidingWindow, allowed.Count, allowed.Per, allowed.Count));
            if (limits.Burst is { } burst)
            {
                rules.Add(new LimitRule($"{name}-burst", LimitAlgorithm.TokenBucket, allowed.Count, allowed.Per, (long)Math.Min(long.MaxValue, burst.CapacityOf(allowed))));
            }
        }
    }

    private RoutePlan Make(string? tier, CountedPlan? counted, string? lacks) =>
        new(tier, counted, lacks, new LimitMetrics(MetricRegistry.Of(scope.State), scope.Gate.Name, tier ?? "", group ?? "", lacks is not null));

    private CountedPlan? Counted(string at, string name, List<LimitRule> rules, List<int> uses)
    {
        if (!rules.TrueForAll(Sound) || uses.Count is 0 or > CompiledPlan.MostUses)
        {
            // It was told where it stands.
            if (!scope.Check.Failed(null) && !scope.Check.Failed(scope.Gate.Name))
            {
                scope.Check.Error(options, at, $"the limits of {name} are out of bounds; write a rate like 100/minute");
            }
            return null;
        }
        // A request that counts more than a limit holds would never pass.
        if (uses.Select(u => rules[u]).FirstOrDefault(r => r.Quota < cost && cost > 1) is { } tight)
        {
            scope.Check.Error(section, "cost", $"a request counts {cost}, but limit '{tight.Name}' of {name} never holds more than {tight.Quota}; lower the cost or raise the limit");
            return null;
        }
        return CountedPlan.Of(scope.State, new LimitPlan(name, rules, uses), key);
    }

    private static bool Sound(LimitRule rule) =>
        rule.Limit >= 1 && rule.Limit <= (rule.Algorithm == LimitAlgorithm.SlidingLog ? CompiledPlan.MostLogged : CompiledPlan.MostLimit)
        && rule.Capacity is >= 1 and <= CompiledPlan.MostCapacity && rule.Window >= CompiledPlan.ShortestWindow && rule.Window <= CompiledPlan.LongestWindow;
}
