using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Upstreams.HealthChecking;

/// <summary>
/// Who of an upstream's destinations is ejected: for a while that grows with each time and shrinks while it works, and never more
/// of them at once than may be. It outlives every change of the options but the last: where nothing is ejected any more, all come back.
/// </summary>
internal sealed partial class Ejections : ILive
{
    /// <summary>Who accuses a destination.</summary>
    public const string By = "ejected";

    private readonly PerDestination<Ejection> each = new();
    private readonly Lock gate = new();
    private readonly string upstream;
    private readonly MetricRegistry metrics;
    private readonly Counter omitted;
    private TimeProvider time = TimeProvider.System;
    private ILogger logger = NullLogger.Instance;
    private bool done, isFull;

    private Ejections(string upstream, MetricRegistry metrics)
    {
        (this.upstream, this.metrics) = (upstream, metrics);
        omitted = metrics.Counter("postern_upstream_ejections_omitted_total", "How often a destination would have been ejected, but for maxEjected.", ("upstream", upstream));
    }

    /// <summary>Those of which a share may be out; the newest set that began to serve.</summary>
    public DestinationSet? Set { get; set; }

    /// <summary>Now, in ticks of <see cref="TimeSpan"/> since some time.</summary>
    public long Now => time.GetElapsedTime(0, time.GetTimestamp()).Ticks;

    /// <inheritdoc/>
    public string? NotReady => null;

    public static Ejections Of(UpstreamScope scope)
    {
        var metrics = MetricRegistry.Of(scope.State);
        return scope.State.Keep("ejections", scope.Upstream.Name, () => new Ejections(scope.Upstream.Name, metrics));
    }

    /// <summary>Of a destination that is new in the place of an ejected one, the same: it is as ejected as that.</summary>
    public Ejection Of(Destination destination)
    {
        var ejection = each.Of(destination, static _ => new Ejection());
        // Without the lock, since its set holds one that ejecting waits for. What changes meanwhile is seen at the end.
        bool isOut;
        do
        {
            isOut = ejection.IsOut;
            if (isOut)
            {
                destination.Accuse(By, ejection.Why);
            }
            else
            {
                destination.Acquit(By);
            }
        }
        while (isOut != ejection.IsOut);
        return ejection;
    }

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger)
    {
        (this.time, this.logger) = (time, logger);
        metrics.Gauge("postern_upstream_ejected", "Destinations that are ejected.", () => done ? double.NaN : Out(), ("upstream", upstream));
    }

    /// <summary>Ejects a destination, unless as many are out as may be. Whether it did.</summary>
    public bool Eject(Destination destination, Ejection ejection, PassivePlan plan, string why, bool silent)
    {
        lock (gate)
        {
            if (done || ejection.IsOut)
            {
                return false;
            }
            if (Out() >= plan.Most(Set?.Members.Length ?? 0))
            {
                Stay(destination, plan, why);
                return false;
            }
            var decayed = (int)Math.Min((Now - ejection.Back) / plan.EjectFor.Ticks, ejection.Times);
            ejection.Times = Math.Min(ejection.Times - decayed + 1, 1_000_000);
            var length = plan.For(ejection.Times);
            (ejection.At, ejection.WasSilent, ejection.Why, ejection.Until, ejection.IsOut) = (Now, silent, why, time.GetUtcNow() + length, true);
            ejection.Total++;
            ForEach(ejection, d => d.Accuse(By, why));
            metrics.Counter("postern_upstream_ejections_total", "How often a destination was ejected.", ("upstream", upstream), ("destination", destination.Name)).Add();
            LogEjected(logger, upstream, destination.Name, Scalars.Format(length), why);
            // A timer made within a request would keep that request's context alive.
            using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
            {
                ejection.Timer = time.CreateTimer(_ => Return(destination.Name, ejection, "its time is over"), null, length, Timeout.InfiniteTimeSpan);
            }
            return true;
        }
    }

    /// <summary>
    /// A probe that began at that time found the destination well. That brings back one that gave no answers: it gives some again.
    /// One that gave wrong answers stays out its time, for a probe says nothing of those.
    /// </summary>
    public void Found(Destination destination, long began)
    {
        if (each.TryGet(destination, out var ejection) && ejection is { IsOut: true, WasSilent: true } && began >= ejection.At)
        {
            Return(destination.Name, ejection, "a probe found it well");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (gate)
        {
            done = true;
            foreach (var (destination, ejection) in each.All)
            {
                ejection.Timer?.Dispose();
                ejection.IsOut = false;
                destination.Acquit(By);
            }
        }
    }

    private void Return(string destination, Ejection ejection, string why)
    {
        lock (gate)
        {
            if (done || !ejection.IsOut)
            {
                return;
            }
            ejection.Timer?.Dispose();
            (ejection.Timer, ejection.IsOut, ejection.Back, isFull) = (null, false, Now, false);
            ForEach(ejection, static d => d.Acquit(By));
            LogReturned(logger, upstream, destination, why);
        }
    }

    /// <summary>While a reload puts one destination in the place of another, an ejection is of both.</summary>
    private void ForEach(Ejection ejection, Action<Destination> what)
    {
        foreach (var (destination, its) in each.All)
        {
            if (its == ejection)
            {
                what(destination);
            }
        }
    }

    /// <summary>How many of those that there are now are out.</summary>
    private int Out() => Set?.Members.Count(m => each.TryGet(m.Destination, out var ejection) && ejection!.IsOut) ?? 0;

    private void Stay(Destination destination, PassivePlan plan, string why)
    {
        omitted.Add();
        if (!isFull)
        {
            isFull = true;
            LogStays(logger, upstream, destination.Name, Out(), Set?.Members.Length ?? 0, plan.Most(Set?.Members.Length ?? 0), why);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upstream {Upstream}: destination {Destination} is ejected for {Time}, {Why}")]
    private static partial void LogEjected(ILogger logger, string upstream, string destination, string time, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "Upstream {Upstream}: destination {Destination} is called again, {Why}")]
    private static partial void LogReturned(ILogger logger, string upstream, string destination, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upstream {Upstream}: destination {Destination} would be ejected ({Why}), but {Out} of {All} are, and at most {Most} may be")]
    private static partial void LogStays(ILogger logger, string upstream, string destination, int @out, int all, int most, string why);
}
