using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;

namespace Postern.Edge.RateLimiting;

/// <summary>
/// Refuses a caller who has used up a limit, and tells every caller what is left. All limits of a request are decided at
/// once, and a refused request counts in none. Stands behind authorization, so that a request which may not pass anyway
/// uses nothing up, and before the cache, because a plan counts answers wherever they come from.
/// </summary>
internal sealed class RateLimitStage : ISharedStage
{
    /// <inheritdoc/>
    public void CompileShared(GatewayConfig config, StatePool state, Check check)
    {
        Limiter.Check(config, check);
        if (config.Root.Written<TiersSection>().Tiers is { Plans.Count: > 0 } tiers
            && !config.Gates.Any(g => ByTier(g.Sections) || g.Routes.Any(r => ByTier(r.Sections))))
        {
            check.Warn(tiers, "", "their limits hold nowhere; add rateLimit: { tiers: true } to a gate or route");
        }
    }

    private static bool ByTier(SectionSet sections) => sections.Find(typeof(RateLimitSection)) is RateLimitSection { RateLimit.Tiers: true };

    /// <inheritdoc/>
    public void KeepShared(GatewayConfig config, Check check, StatePool state) { } // Limits go on with the rest.

    /// <inheritdoc/>
    public RequestDelegate Compile(RouteScope scope, RequestDelegate next)
    {
        var section = scope.Options<RateLimitSection>();
        var own = scope.Route.Sections.Find(typeof(RateLimitSection)) as RateLimitSection;
        if (section.RateLimit is not { Tiers: true } && own?.Group is not null)
        {
            scope.Check.Warn(section, "group", "has no effect where no tier's limits hold; add rateLimit: { tiers: true } here or at the gate, or remove it");
        }
        if (section.RateLimit is null && own?.Cost is not null)
        {
            scope.Check.Warn(section, "cost", "has no effect where no limit holds; add rateLimit: 100/minute here or at the gate, or remove it");
        }
        if (section.RateLimit is not { } options)
        {
            return next;
        }
        // What is wrong in the list was told where it stands; the rest may have mistakes of its own.
        var key = new LimitKey([.. (options.By ?? ["consumer"]).Where(b => LimitKey.Problem(b) is null)], scope.Gate.Name, LimitPlans.NameOf(scope));
        foreach (var header in key.Headers)
        {
            scope.Touch(header, options, "by", "no request of a client has it; count by consumer");
        }
        if (LimitPlans.Of(scope, section, options, key) is not { } plans)
        {
            return next;
        }
        var (cost, limiter) = (section.Cost ?? 1, Limiter.Of(scope.Config, scope.State));
        scope.Note("rateLimit", context => Explanation(plans, key, cost, limiter, context));
        return new Meter(next, plans, key, cost, limiter).InvokeAsync;
    }

    private static string Explanation(LimitPlans plans, LimitKey key, int cost, Limiter limiter, HttpContext context)
    {
        var limits = (Exchange.Of(context).Consumer is { } known ? [plans.For(known)] : plans.All).Select(p => $"{(p.Tier is null ? "" : plans.For(null) == p ? $"{p.Tier} (default): " : p.Tier + ": ")}{(p.Lacks is { } group ? $"lacks {group}, 403" : p.Counted is null ? "no limit" : Rules(p.Counted.Plan))}");
        return $"by {key}, here '{key.Of(context, Exchange.Of(context))}'{(cost > 1 ? $", counts {cost}" : "")}, {limiter.Place}: {string.Join("; ", limits)}";
    }

    private static string Rules(LimitPlan plan) => string.Join(", ", plan.Uses.Select(u => plan.Rules[u]).Select(r =>
        $"{r.Name} {new Rate(r.Limit, r.Window)}{(r.Algorithm == LimitAlgorithm.TokenBucket ? $" with {r.Capacity} at once" : r.Algorithm == LimitAlgorithm.SlidingWindow ? "" : $" {Scalars.Format(r.Algorithm)}")}"));

    private sealed class Meter(RequestDelegate next, LimitPlans plans, LimitKey keys, int cost, Limiter limiter)
    {
        public Task InvokeAsync(HttpContext context)
        {
            var exchange = Exchange.Of(context);
            var route = plans.For(exchange.Consumer);
            exchange.Tier = route.Tier;
            if (route.Lacks is { } group)
            {
                route.Count.Lacking!.Add();
                return Answer.FailAsync(context, Failure.NotInPlan, $"The plan {route.Tier} doesn't include {group}.");
            }
            if (route.Counted is not { } plan)
            {
                return next(context);
            }
            var taken = limiter.TakeAsync(plan, keys.Of(context, exchange), cost);
            return taken.IsCompletedSuccessfully ? GoOn(context, exchange, route, taken.Result) : WaitAsync(context, exchange, route, taken);
        }

        private async Task WaitAsync(HttpContext context, Exchange exchange, RoutePlan route, ValueTask<Taken> taken) =>
            await GoOn(context, exchange, route, await taken);

        private Task GoOn(HttpContext context, Exchange exchange, RoutePlan route, in Taken taken)
        {
            var (plan, decision) = (route.Counted!, taken.Decision);
            plan.FieldsOf(decision.Tightest).AddTo(exchange.AnswerFields, plan.Policy, decision);
            exchange.LimitedAlone = taken.Alone;
            if (decision.Passes)
            {
                route.Count.Allowed.Add();
                return next(context);
            }
            route.Count.Refused.Add();
            exchange.Limit = plan.Plan.Rules[decision.Tightest].Name;
            var retryAfter = LimitFields.RetryAfter(decision);
            return Answer.FailAsync(context, Failure.RateLimited, $"The limit {exchange.Limit} is used up; try again in {retryAfter} s.", retryAfter: retryAfter);
        }
    }
}
