using Microsoft.Extensions.Logging;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Upstreams.Observing;

/// <summary>What each destination of an upstream is doing, as numbers: calls in flight, and how long its answers take. Costs calls nothing; who reads metrics asks.</summary>
internal sealed class DestinationGauges(DestinationSet set, MetricRegistry metrics) : ILive
{
    private readonly Lock gate = new();
    private readonly HashSet<string> told = [];
    private volatile bool over;

    /// <inheritdoc/>
    public string? NotReady => null;

    /// <summary>For an upstream's destinations, as long as a configuration has them.</summary>
    public static void Keep(UpstreamScope scope)
    {
        var (set, metrics) = (DestinationSet.Of(scope), MetricRegistry.Of(scope.State));
        scope.State.Keep("gauges", set.Key, () => new DestinationGauges(set, metrics));
    }

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger)
    {
        set.MembersChanged += Tell;
        Tell();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        set.MembersChanged -= Tell;
        over = true;
    }

    private void Tell()
    {
        lock (gate)
        {
            foreach (var name in set.Members.Select(m => m.Destination.Name).Where(told.Add).ToList())
            {
                metrics.Gauge("postern_upstream_destination_calls", "Calls to a destination that have not ended.",
                    () => Find(name)?.Value ?? double.NaN, ("upstream", set.Upstream), ("destination", name));
                metrics.Gauge("postern_upstream_destination_latency_seconds", "Time from a call to the head of its answer, about the mean of the last sixteen.",
                    () => Find(name)?.Latency?.TotalSeconds ?? double.NaN, ("upstream", set.Upstream), ("destination", name));
            }
        }
    }

    /// <summary>By name, so that a destination that is gone is held by nobody.</summary>
    private CallCount? Find(string name) => over ? null : set.Members.FirstOrDefault(m => m.Destination.Name == name)?.Destination.Calls;
}
