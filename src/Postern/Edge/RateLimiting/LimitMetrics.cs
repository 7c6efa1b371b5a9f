using System.Collections.Concurrent;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.RateLimiting;

/// <summary>What a gate's limits decided, by tier and group. Tiers come from the configuration, so their number is bounded.</summary>
internal sealed class LimitMetrics(MetricRegistry metrics, string gate, string group)
{
    private readonly ConcurrentDictionary<string, (Counter Allowed, Counter Refused, Counter Lacking)> tiers = new();

    public void Allowed(string tier) => Of(tier).Allowed.Add();

    public void Refused(string tier) => Of(tier).Refused.Add();

    /// <summary>The tier doesn't have the group.</summary>
    public void Lacking(string tier) => Of(tier).Lacking.Add();

    private (Counter Allowed, Counter Refused, Counter Lacking) Of(string tier) =>
        tiers.TryGetValue(tier, out var counters) ? counters : tiers.GetOrAdd(tier, Make);

    private (Counter, Counter, Counter) Make(string tier) => (Make(tier, "allowed"), Make(tier, "refused"), Make(tier, "lacking"));

    private Counter Make(string tier, string outcome) => metrics.Counter("postern_rate_limit_decisions_total",
        "Requests to limited routes, by what their limits decided.", ("gate", gate), ("tier", tier), ("group", group), ("outcome", outcome));
}
