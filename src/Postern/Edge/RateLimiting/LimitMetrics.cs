using Postern.Pipeline.Telemetry;

namespace Postern.Edge.RateLimiting;

/// <summary>What limits decided, for one gate, tier and group. All of these are names in the configuration, so their number is bounded.</summary>
/// <param name="metrics">Where they are counted.</param>
/// <param name="gate">The gate.</param>
/// <param name="tier">The tier, or empty.</param>
/// <param name="group">The group of the route, or empty.</param>
/// <param name="lacks">Whether the tier doesn't have the group; else no series says that it never lacked it.</param>
internal sealed class LimitMetrics(MetricRegistry metrics, string gate, string tier, string group, bool lacks)
{
    /// <summary>Went on.</summary>
    public Counter Allowed { get; } = Make(metrics, gate, tier, group, "allowed");

    /// <summary>A limit was used up.</summary>
    public Counter Refused { get; } = Make(metrics, gate, tier, group, "refused");

    /// <summary>The tier doesn't have the group; null where it does.</summary>
    public Counter? Lacking { get; } = lacks ? Make(metrics, gate, tier, group, "lacking") : null;

    private static Counter Make(MetricRegistry metrics, string gate, string tier, string group, string outcome) =>
        metrics.Counter("postern_rate_limit_decisions_total", "Requests to limited routes, by what their limits decided.",
            ("gate", gate), ("tier", tier), ("group", group), ("outcome", outcome));
}
