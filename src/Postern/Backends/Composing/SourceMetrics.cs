using System.Collections.Concurrent;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Backends.Composing;

/// <summary>The numbers of one source of one route.</summary>
internal sealed class SourceMetrics
{
    private readonly Counter ok;
    private readonly Histogram durations;
    // Only what has happened has a series; the words are few, and statuses at most 500.
    private readonly ConcurrentDictionary<string, Counter> others = new(StringComparer.Ordinal);
    private readonly Func<string, Counter> counter;

    public SourceMetrics(RouteScope scope, string name) : this(MetricRegistry.Of(scope.State), scope.Gate.Name, scope.Label, name)
    {
    }

    /// <summary>The same of a source that is named while the route runs.</summary>
    public SourceMetrics(MetricRegistry metrics, string gate, string route, string name)
    {
        counter = result => metrics.Counter(
            "postern_sources_total", "Sources of composed answers, by what became of them.", ("gate", gate), ("route", route), ("source", name), ("result", result));
        ok = counter("ok");
        durations = metrics.Histogram(
            "postern_source_duration_seconds", "Time from a source's first call to the last byte of its answer.", ("gate", gate), ("route", route), ("source", name));
    }

    /// <summary>A source has ended.</summary>
    /// <param name="failure">Why it failed; null where it didn't.</param>
    /// <param name="ticks">How long it took; 0 where no call was made.</param>
    public void Count(SourceFailure? failure, long ticks)
    {
        if (failure is null)
        {
            ok.Add();
        }
        else
        {
            Count(failure.Reason);
        }
        if (ticks > 0)
        {
            durations.Record(ticks);
        }
    }

    /// <summary>It ended in another way: <c>omitted</c>.</summary>
    public void Count(string result) => others.GetOrAdd(result, counter).Add();
}
