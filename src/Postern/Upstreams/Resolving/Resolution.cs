using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Upstreams.Forwarding;

namespace Postern.Upstreams.Resolving;

/// <summary>A destination that a name led to.</summary>
internal sealed record Found(Destination Destination, int Weight, bool IsBackup);

/// <summary>
/// What one host name of an upstream stands for, asked for again whenever the last answer may no longer be believed. Where nobody
/// can say, the last answer holds. A destination that is no longer named serves its calls to their end, and then its connections are closed.
/// </summary>
internal sealed partial class Resolution : ILive
{
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private readonly TaskCompletionSource settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource stop = new();
    private readonly string upstream;
    private readonly Uri url;
    private readonly DestinationSettings settings;
    private readonly ResolveOptions options;
    private readonly HostFiles files;
    private readonly Counter answered, failed;
    private ImmutableDictionary<Place, Destination> known = ImmutableDictionary<Place, Destination>.Empty;
    private ImmutableArray<Found> now = [];
    private bool failing;

    public Resolution(string upstream, string url, DestinationSettings settings, ResolveOptions options, HostFiles files, MetricRegistry metrics)
    {
        (this.upstream, this.url, this.settings, this.options, this.files) = (upstream, new Uri(url), settings, options, files);
        answered = Count(metrics, "answered");
        failed = Count(metrics, "failed");
        Name = Destination.NameOf(this.url);
    }

    /// <summary>The name, <c>host:port</c> as the configuration has it.</summary>
    public string Name { get; }

    /// <summary>What it stands for now.</summary>
    public ImmutableArray<Found> Now => now;

    /// <summary>Done once it has been asked for, with whatever success.</summary>
    public Task Settled => settled.Task;

    /// <summary>Told after <see cref="Now"/> has changed.</summary>
    public event Action? Changed;

    /// <inheritdoc/>
    public string? NotReady => settled.Task.IsCompleted ? null : $"{Name} of upstream {upstream} is being resolved";

    /// <summary>The resolution of a URL; the same object as long as configurations in a row ask for it alike.</summary>
    public static Resolution Of(UpstreamScope scope, string url, ForwardingOptions forwarding, ResolveOptions options)
    {
        var settings = DestinationSettings.From(forwarding);
        var key = $"{scope.Upstream.Name} {url} {settings} {ConfigText.Fingerprint(options)}";
        return scope.State.Keep("resolution", key, () => new Resolution(scope.Upstream.Name, url, settings, options, new HostFiles(), MetricRegistry.Of(scope.State)));
    }

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger) => _ = Task.Run(() => KeepAsync(time, logger, stop.Token));

    /// <inheritdoc/>
    public void Dispose()
    {
        stop.Cancel();
        lock (gate)
        {
            foreach (var destination in known.Values)
            {
                destination.Dispose();
            }
        }
        settled.TrySetResult();
    }

    private async Task KeepAsync(TimeProvider time, ILogger logger, CancellationToken cancel)
    {
        var lookup = new Lookup(options, files, time);
        try
        {
            while (true)
            {
                var wait = await AskAsync(lookup, logger, cancel).ConfigureAwait(false);
                settled.TrySetResult();
                // Not all instances, and not all names, at once.
                await Task.Delay(wait * (1 + (Random.Shared.NextDouble() / 10)), time, cancel).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // It is no longer asked for.
        }
    }

    /// <summary>Asks once; how long that holds.</summary>
    private async Task<TimeSpan> AskAsync(Lookup lookup, ILogger logger, CancellationToken cancel)
    {
        try
        {
            var places = await lookup.FindAsync(url.IdnHost, url.Port, cancel).ConfigureAwait(false);
            answered.Add();
            if (failing)
            {
                failing = false;
                LogAgain(logger, Name, upstream);
            }
            Take(places, logger);
            return places.Ttl < options.Floor ? options.Floor : places.Ttl > Longest ? Longest : places.Ttl;
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancel.IsCancellationRequested)
        {
            failed.Add();
            if (!failing)
            {
                failing = true;
                LogFailed(logger, Name, upstream, e.Message, now.IsEmpty ? "it has no destinations by that name" : "the last answer holds");
            }
            return now.IsEmpty && FirstRetry < options.Floor ? FirstRetry : options.Floor;
        }
    }

    private void Take(Places places, ILogger logger)
    {
        List<Destination> gone;
        lock (gate)
        {
            if (stop.IsCancellationRequested)
            {
                return;
            }
            var kept = now.Length == 0 ? [] : known.Keys.Where(p => places.Missed.Contains((p.Host, p.Address.AddressFamily)));
            // In one order, whatever the server's: nothing changes for whom nothing changed.
            var all = places.All.Concat(kept).DistinctBy(p => (p.Address, p.Port)).OrderBy(p => p.Address.ToString(), StringComparer.Ordinal).ThenBy(p => p.Port).ToList();
            if (all.Count == known.Count && all.All(known.ContainsKey))
            {
                return;
            }
            var old = known.ToDictionary(k => (k.Key.Address, k.Key.Port, k.Key.Host), k => k.Value);
            known = all.ToImmutableDictionary(p => p, p => old.Remove((p.Address, p.Port, p.Host), out var same) ? same : Make(p));
            now = [.. all.Select(p => new Found(known[p], p.Weight, p.IsBackup))];
            gone = [.. old.Values];
        }
        LogFound(logger, Name, upstream, string.Join(", ", now.Select(f => f.Destination.Name)));
        Changed?.Invoke();
        gone.ForEach(d => d.Dispose());
    }

    private Destination Make(Place place) => new($"{url.Scheme}://{new IPEndPoint(place.Address, place.Port)}", settings, place.Host);

    private Counter Count(MetricRegistry metrics, string outcome) =>
        metrics.Counter("postern_upstream_resolutions_total", "Look-ups of upstreams' host names.", ("upstream", upstream), ("outcome", outcome));

    [LoggerMessage(Level = LogLevel.Information, Message = "{Name} of upstream {Upstream} is {Destinations}")]
    private static partial void LogFound(ILogger logger, string name, string upstream, string destinations);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Name} of upstream {Upstream} can't be resolved: {Why}; {What}")]
    private static partial void LogFailed(ILogger logger, string name, string upstream, string why, string what);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Name} of upstream {Upstream} is resolved again")]
    private static partial void LogAgain(ILogger logger, string name, string upstream);
}
