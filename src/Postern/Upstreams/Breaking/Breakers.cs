using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Upstreams.Breaking;

/// <summary>The breakers of one upstream: its own, and one for each destination that was asked for. They outlive reloads that don't change their options.</summary>
internal sealed class Breakers : ILive, IStatus
{
    private readonly PerDestination<Breaker> each = new();
    private TimeProvider time = TimeProvider.System;

    private Breakers(string upstream, BreakerPlan plan, MetricRegistry metrics)
    {
        (Upstream, Plan, Metrics) = (upstream, plan, metrics);
        Whole = new Breaker(this, null);
    }

    public string Upstream { get; }

    public BreakerPlan Plan { get; }

    public MetricRegistry Metrics { get; }

    public ILogger Logger { get; private set; } = NullLogger.Instance;

    /// <summary>The upstream's own.</summary>
    public Breaker Whole { get; }

    /// <summary>Whether no configuration has them any more.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Whether there still is what a breaker of that name guards; the upstream itself for none.</summary>
    public bool Has(string? destination) => !IsDone && (destination is null || each.Has(destination));

    /// <summary>Now, in ticks of <see cref="TimeSpan"/> since some time.</summary>
    public long Now => time.GetElapsedTime(0, time.GetTimestamp()).Ticks;

    /// <summary>Now, for people.</summary>
    public DateTimeOffset Date => time.GetUtcNow();

    /// <inheritdoc/>
    public string? NotReady => null;

    /// <summary>Those of an upstream; null where it has no <c>breaker</c>.</summary>
    public static Breakers? Of(UpstreamScope scope)
    {
        if (scope.Options<BreakerSection>().Breaker is not { } options)
        {
            return null;
        }
        var plan = BreakerPlan.Of(options);
        var metrics = MetricRegistry.Of(scope.State);
        return scope.State.Keep("breakers", $"{scope.Upstream.Name} {plan}", () => new Breakers(scope.Upstream.Name, plan, metrics));
    }

    /// <summary>A destination's own.</summary>
    public Breaker Of(Destination destination) => each.Of(destination, d => new Breaker(this, d.Name));

    /// <summary>
    /// Whether more than half of the destinations that are called fail. Where it is fewer, their own breakers hold them back, and
    /// the others serve on: one bad destination must not close the door to the rest.
    /// </summary>
    public bool MostFail(DestinationSet set, bool run)
    {
        var called = set.Now.Members;
        var failing = 0;
        foreach (var member in called)
        {
            if (each.TryGet(member.Destination, out var own) && own!.Joins(run))
            {
                failing++;
            }
        }
        return failing * 2 > called.Length;
    }

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger) => (this.time, Logger) = (time, logger);

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json) => Whole.Write(json);

    /// <inheritdoc/>
    public void Dispose() => IsDone = true;
}
