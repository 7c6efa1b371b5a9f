using Postern.Pipeline.Telemetry;

namespace Postern.Edge.RateLimiting;

/// <summary>What limits decided, for one gate, tier and group. All of these are names in the configuration, so their number is bounded.</summary>
internal sealed class LimitMetrics(MetricRegistry metrics, string gate, string tier, string group)
{
    /// <summary>Went on.</summary>
    public Counter Allowed { get; } = Make(metrics, gate, tier, group, "allowed");

    /// <summary>A limit was used up.</summary>
    public Counter Refused { get; } = Make(metrics, gate, tier, group, "refused");

    /// <summary>The tier doesn't have the group.</summary>
    public Counter Lacking { get; } = Make(metrics, gate, tier, group, "lacking");

    private static Counter Make(MetricRegistry metrics, string gate, string tier, string group, string outcome) =>
        metrics.Counter("postern_rate_limit_decisions_total", "Requests to limited routes, by what their limits decided.",
            ("gate", gate), ("tier", tier), ("group", group), ("outcome", outcome));
}
