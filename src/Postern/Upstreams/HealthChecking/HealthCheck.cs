using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Upstreams.HealthChecking;

/// <summary>
/// Asks every destination of an upstream whether it is well, over and over, off the path of requests: each at its own times, which
/// differ a little so that gateways that started together don't ask together, one probe at a time to one destination and a bounded
/// number to all. Destinations that come and go with the DNS are followed.
/// </summary>
internal sealed partial class HealthCheck : ILive, IStatus
{
    /// <summary>Probes of one upstream at once; the others wait.</summary>
    public const int MaxAtOnce = 32;

    private readonly DestinationSet set;
    private readonly ProbePlan? plan;
    private readonly Conditions? conditions;
    private readonly Ejections? ejections;
    private readonly MetricRegistry metrics;
    private readonly Counter right, wrong;
    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim places = new(MaxAtOnce, MaxAtOnce);
    private readonly Dictionary<Destination, Watch> watches = [];
    private TimeProvider time = TimeProvider.System;
    private ILogger logger = NullLogger.Instance;

    private HealthCheck(DestinationSet set, ProbePlan? plan, Conditions? conditions, Ejections? ejections, MetricRegistry metrics)
    {
        (this.set, this.plan, this.conditions, this.ejections, this.metrics) = (set, plan, conditions, ejections, metrics);
        Counter Outcome(string outcome) => metrics.Counter("postern_upstream_probes_total", "Probes of destinations, by what was found.", ("upstream", set.Upstream), ("outcome", outcome));
        (right, wrong) = (Outcome("ok"), Outcome("failed"));
    }

    /// <summary>The upstream's <c>health</c>: no step of a call; it says which destinations balancing may pick.</summary>
    public sealed class Feature : IUpstreamHandler
    {
        public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
        {
            if (scope.Options<HealthSection>().Health is not { } options)
            {
                return next;
            }
            var (set, plan, passive) = (DestinationSet.Of(scope), ProbePlan.Of(options), PassiveHealth.Of(scope));
            var (conditions, ejections) = (plan is null ? null : Conditions.Of(scope), passive is null ? null : Ejections.Of(scope));
            var metrics = MetricRegistry.Of(scope.State);
            scope.State.Keep("health", $"{set.Key} {plan}", () => new HealthCheck(set, plan, conditions, ejections, metrics));
            var panic = options.PanicBelow is { } below ? below.ToString() : "50%";
            scope.Note("health", string.Join("; ", new[] { plan?.ToString(), passive?.Plan.ToString(), $"all are called when fewer than {panic} are well" }.OfType<string>()));
            Warn(scope, options, passive?.Plan);
            return next;
        }

        /// <summary>A share that no number of destinations ever reaches.</summary>
        private static void Warn(UpstreamScope scope, HealthOptions options, PassivePlan? passive)
        {
            var urls = scope.Options<Forwarding.ForwardingOptions>().Destinations.Count;
            if (passive is { MaxEjected: > 0 } && urls > 1 && Judging.IsFixed(scope) && passive.Most(urls) == 0)
            {
                scope.Check.Warn(options, "maxEjected", string.Create(CultureInfo.InvariantCulture,
                    $"{options.MaxEjected} of {urls} destinations is not one, so none is ever ejected; write {Math.Ceiling(100.0 / urls)}% or more"));
            }
        }
    }

    /// <inheritdoc/>
    public string Upstream => set.Upstream;

    /// <summary>Never: an instance that serves nothing because its upstreams are ill would leave their callers without an answer.</summary>
    public string? NotReady => null;

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger)
    {
        (this.time, this.logger) = (time, logger);
        ejections?.Set = set;
        metrics.Gauge("postern_upstream_panic", "1 while so few destinations are well that all are called.",
            () => stop.IsCancellationRequested ? double.NaN : set.Now.Panics ? 1 : 0, ("upstream", Upstream));
        if (plan is not null)
        {
            lock (watches)
            {
                Follow(Now);
            }
            set.MembersChanged += Look;
            // Not as part of whatever starts it: that may be a request to the admin API.
            ThreadPool.UnsafeQueueUserWorkItem(static check => _ = check.RunAsync(), this, preferLocal: false);
        }
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("health"u8);
        json.WriteBoolean("panic"u8, set.Now.Panics);
        if (plan is not null)
        {
            json.WriteString("asks"u8, plan.ToString());
            json.WriteStartObject("found"u8);
            foreach (var member in set.Members)
            {
                if (conditions!.Of(member.Destination).Last is { } last)
                {
                    json.WriteStartObject(member.Destination.Name);
                    json.WriteString("at"u8, last.At);
                    json.WriteNumber("milliseconds"u8, Math.Round(last.Took.TotalMilliseconds, 3));
                    json.WriteString("problem"u8, last.Problem);
                    json.WriteEndObject();
                }
            }
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stop.Cancel();
        set.MembersChanged -= Look;
        lock (watches)
        {
            foreach (var watch in watches.Values)
            {
                watch.Condition.Leave(this);
            }
        }
    }

    private long Now => time.GetElapsedTime(0, time.GetTimestamp()).Ticks;

    private async Task RunAsync()
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                await Task.Delay(Turn(), time, stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    /// <summary>Destinations have come or gone: the new ones are asked at once, and not by whoever found them.</summary>
    private void Look() => ThreadPool.UnsafeQueueUserWorkItem(static check => check.Turn(), this, preferLocal: false);

    /// <summary>Asks those whose time has come. How long nothing is to do.</summary>
    private TimeSpan Turn()
    {
        lock (watches)
        {
            var now = Now;
            if (stop.IsCancellationRequested)
            {
                return plan!.Interval;
            }
            Follow(now);
            var next = now + plan!.Interval.Ticks;
            foreach (var watch in watches.Values)
            {
                if (watch.Due <= now)
                {
                    watch.Due = now + (long)(plan.Interval.Ticks * (0.9 + (0.2 * Random.Shared.NextDouble())));
                    if (!watch.IsAsking)
                    {
                        watch.IsAsking = true;
                        _ = AskAsync(watch);
                    }
                }
                next = Math.Min(next, watch.Due);
            }
            return TimeSpan.FromTicks(Math.Max(next - now, TimeSpan.TicksPerMillisecond));
        }
    }

    /// <summary>Takes on destinations that are new, which are asked at once, and leaves those that are gone.</summary>
    private void Follow(long now)
    {
        var members = set.Members;
        foreach (var member in members)
        {
            var destination = member.Destination;
            if (!watches.ContainsKey(destination))
            {
                var condition = conditions!.Of(destination);
                condition.TakeOn(this, destination);
                watches[destination] = new Watch(destination, condition) { Due = now };
                metrics.Gauge("postern_upstream_destination_healthy", "1 while a destination answers as it should when it is asked, 0 while it doesn't.",
                    () => !condition.IsAsked ? double.NaN : condition.IsWell ? 1 : 0, ("upstream", Upstream), ("destination", destination.Name));
            }
        }
        if (watches.Count > members.Length)
        {
            foreach (var gone in watches.Keys.Where(d => !members.Any(m => m.Destination == d)).ToArray())
            {
                watches.Remove(gone, out var watch);
                watch!.Condition.Leave(this);
            }
        }
    }

    private async Task AskAsync(Watch watch)
    {
        try
        {
            var (finding, began) = await FindAsync(watch.Destination).ConfigureAwait(false);
            if (!stop.IsCancellationRequested)
            {
                Take(watch, finding, began);
                watch.IsAsking = false;
                (finding.Problem is null ? right : wrong).Add();
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private async Task<(Finding Finding, long Began)> FindAsync(Destination destination)
    {
        await places.WaitAsync(stop.Token).ConfigureAwait(false);
        var (at, began) = (time.GetUtcNow(), Now);
        try
        {
            var problem = await Probe.AskAsync(destination, plan!, time, stop.Token).ConfigureAwait(false);
            return (new Finding(at, TimeSpan.FromTicks(Now - began), problem), began);
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            // A check that an unforeseen answer ends would end silently, and leave the destination as it was for good.
            LogFault(logger, e, Upstream, destination.Name);
            return (new Finding(at, TimeSpan.FromTicks(Now - began), "it can't be asked"), began);
        }
        finally
        {
            places.Release();
        }
    }

    private void Take(Watch watch, Finding finding, long began)
    {
        var changed = watch.Condition.Saw(this, watch.Destination, finding, plan!);
        if (changed == false)
        {
            LogIll(logger, Upstream, watch.Destination.Name, finding.Problem!);
        }
        else if (changed == true)
        {
            LogWell(logger, Upstream, watch.Destination.Name);
        }
        if (finding.Problem is null)
        {
            ejections?.Found(watch.Destination, began);
        }
    }

    /// <summary>One destination and when it is asked next.</summary>
    private sealed class Watch(Destination destination, Condition condition)
    {
        private volatile bool isAsking;

        public Destination Destination => destination;

        public Condition Condition => condition;

        public long Due { get; set; }

        public bool IsAsking { get => isAsking; set => isAsking = value; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upstream {Upstream}: destination {Destination} is not well and gets no calls, {Problem}")]
    private static partial void LogIll(ILogger logger, string upstream, string destination, string problem);

    [LoggerMessage(Level = LogLevel.Information, Message = "Upstream {Upstream}: destination {Destination} is well again")]
    private static partial void LogWell(ILogger logger, string upstream, string destination);

    [LoggerMessage(Level = LogLevel.Error, Message = "Upstream {Upstream}: destination {Destination} can't be asked whether it is well")]
    private static partial void LogFault(ILogger logger, Exception fault, string upstream, string destination);
}
