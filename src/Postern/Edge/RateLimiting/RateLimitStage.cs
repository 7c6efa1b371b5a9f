using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.RateLimiting;

/// <summary>
/// Refuses a caller who has used up a limit, and tells every caller what is left. All limits of a request are decided at
/// once, and a refused request counts in none. Stands behind authorization, so that a request which may not pass anyway
/// uses nothing up, and before the cache, because a plan counts answers wherever they come from.
/// </summary>
internal sealed class RateLimitStage : IStage
{
    /// <inheritdoc/>
    public RequestDelegate Compile(RouteScope scope, RequestDelegate next)
    {
        var section = scope.Options<RateLimitSection>();
        if (section.RateLimit is not { } options)
        {
            return next;
        }
        var cost = section.Cost ?? 1;
        var by = options.By ?? ["consumer"];
        if (LimitPlans.Of(scope, options, section.Group, cost) is not { } plans || by.Any(b => LimitKey.Problem(b) is not null))
        {
            return next;
        }
        var key = new LimitKey(by, scope.Gate.Name, $"{scope.Gate.Name} {scope.Route.Method} {scope.Route.Template}");
        scope.Note("rateLimit", context => Explanation(plans, key, cost, context));
        var metrics = new LimitMetrics(MetricRegistry.Of(scope.State), scope.Gate.Name, section.Group ?? "");
        return new Meter(next, plans, key, cost, Limiter.Of(scope), metrics).InvokeAsync;
    }

    private static string Explanation(LimitPlans plans, LimitKey key, int cost, HttpContext context)
    {
        var limits = plans.All.Select(p => $"{(p.Tier.Length > 0 ? p.Tier + ": " : "")}{(p.Plan.Lacks is { } group ? $"lacks {group}, 403" : p.Plan.Plan is null ? "no limit" : p.Plan.Policy)}");
        return $"by {key} ({key.Of(context, Exchange.Of(context))}){(cost > 1 ? $", counts {cost}" : "")}: {string.Join("; ", limits)}";
    }

    private sealed class Meter(RequestDelegate next, LimitPlans plans, LimitKey keys, int cost, Limiter limiter, LimitMetrics metrics)
    {
        public Task InvokeAsync(HttpContext context)
        {
            var exchange = Exchange.Of(context);
            var route = plans.For(exchange.Consumer);
            if (route.Lacks is { } group)
            {
                metrics.Lacking(route.Tier);
                return Answer.FailAsync(context, Failure.NotInPlan, $"The plan {route.Tier} doesn't include {group}.");
            }
            if (route.Plan is not { } plan)
            {
                return next(context);
            }
            var decision = limiter.TakeAsync(plan, keys.Of(context, exchange), cost);
            return decision.IsCompletedSuccessfully ? GoOn(context, exchange, route, decision.Result) : WaitAsync(context, exchange, route, decision);
        }

        private async Task WaitAsync(HttpContext context, Exchange exchange, RoutePlan route, ValueTask<LimitDecision> decision) =>
            await GoOn(context, exchange, route, await decision);

        private Task GoOn(HttpContext context, Exchange exchange, RoutePlan route, in LimitDecision decision)
        {
            route.Fields[decision.Tightest].AddTo(exchange.AnswerFields, route.Policy, decision);
            if (decision.Passes)
            {
                metrics.Allowed(route.Tier);
                return next(context);
            }
            metrics.Refused(route.Tier);
            var rule = route.Plan!.Rules[decision.Tightest];
            exchange.Limit = rule.Name;
            var retryAfter = (int)Math.Min(int.MaxValue, Math.Max(1, LimitFields.Seconds(decision.RetryAfter)));
            return Answer.FailAsync(context, Failure.RateLimited, $"The limit {rule.Name} is used up; try again in {retryAfter} s.", retryAfter: retryAfter);
        }
    }
}
