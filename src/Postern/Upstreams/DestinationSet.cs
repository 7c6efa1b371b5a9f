using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Upstreams.Balancing;
using Postern.Upstreams.Forwarding;
using Postern.Upstreams.Resolving;

namespace Postern.Upstreams;

/// <summary>
/// The destinations of one upstream and which of them may be called. Whatever changes that (a probe, an ejection, a weight, the
/// DNS) makes a new <see cref="Choice"/>, off the path of requests. It outlives reloads that change nothing of it.
/// </summary>
internal sealed partial class DestinationSet : ILive
{
    /// <summary>The largest weight.</summary>
    public const int MaxWeight = 1_000_000;

    private readonly Lock gate = new();
    private readonly ImmutableArray<Listed> listed;
    private readonly Judging judging;
    private readonly Func<Destination, string?> tag;
    private readonly SlowStart slowStart;
    private readonly MetricRegistry metrics;
    private Dictionary<string, int> weights = new(StringComparer.OrdinalIgnoreCase);
    private ImmutableArray<Member> members = [];
    private volatile Choice choice;
    private ILogger? logger;
    private volatile bool ended;

    /// <summary>One entry of the configuration: an address, or a name that leads to several.</summary>
    private sealed record Listed(string Url, Destination? Destination, Resolution? Resolution, int Weight, bool IsBackup);

    private DestinationSet(string upstream, string key, ImmutableArray<Listed> listed, Judging judging, Func<Destination, string?> tag, TimeSpan slowStart, MetricRegistry metrics)
    {
        (Upstream, Key, this.listed, this.judging, this.tag, this.metrics) = (upstream, key, listed, judging, tag, metrics);
        this.slowStart = new SlowStart(slowStart, Choose);
        Resolved = Task.WhenAll(listed.Select(l => l.Resolution?.Settled).OfType<Task>());
        members = Gather();
        choice = Select();
    }

    /// <summary>The upstream's name.</summary>
    public string Upstream { get; }

    /// <summary>All that it is made of: what is kept for this set has this in its key.</summary>
    public string Key { get; }

    /// <summary>All there are.</summary>
    public ImmutableArray<Member> Members => members;

    /// <summary>Who may be called now.</summary>
    public Choice Now => choice;

    /// <summary>Told after <see cref="Members"/> have changed: DNS has found others, or weights were set.</summary>
    public event Action? MembersChanged;

    /// <summary>How long a call waits for that; as long as for a connection.</summary>
    public TimeSpan Patience { get; private init; }

    /// <summary>Done once every name has been looked up, with whatever success.</summary>
    public Task Resolved { get; }

    /// <inheritdoc/>
    public string? NotReady => null;

    /// <summary>The upstream's destinations; the same object for every handler that asks, and after a reload that changes none of the options it is made of.</summary>
    public static DestinationSet Of(UpstreamScope scope)
    {
        var (forwarding, balancing, judging) = (scope.Options<ForwardingOptions>(), scope.Options<BalancingOptions>(), Judging.Of(scope));
        var listed = forwarding.Destinations.Where(d => Destination.Problem(d.Url) is null).DistinctBy(d => d.Url).Select(d => Find(scope, d, forwarding)).ToImmutableArray();
        var slowStart = balancing.SlowStart ?? TimeSpan.Zero;
        var key = $"{scope.Upstream.Name} {string.Join(' ', listed.Select(l => $"{l.Url} {l.Weight} {l.IsBackup}"))} {DestinationSettings.From(forwarding)} {Mark(forwarding.Resolve)} "
            + $"{slowStart} {Mark(balancing.Affinity)} {judging.Key}";
        return scope.State.Keep("destinations", key, () =>
            new DestinationSet(scope.Upstream.Name, key, listed, judging, Affinity.Tags(scope.Upstream.Name, balancing.Affinity), slowStart, MetricRegistry.Of(scope.State))
            {
                Patience = DestinationSettings.From(forwarding).ConnectTimeout,
            });
    }

    private static Listed Find(UpstreamScope scope, DestinationOptions entry, ForwardingOptions forwarding) =>
        forwarding.Resolve is { } resolve && !Destination.IsAddress(entry.Url)
            ? new Listed(entry.Url, null, Resolution.Of(scope, entry.Url, forwarding, resolve), entry.Weight, entry.Backup)
            : new Listed(entry.Url, Destination.Of(scope, entry.Url, forwarding), null, entry.Weight, entry.Backup);

    private static string Mark(Options? options) => options is null ? "" : ConfigText.Fingerprint(options);

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger)
    {
        metrics.Gauge("postern_upstream_destinations", "Destinations of an upstream: listed, or found by DNS.", () => ended ? double.NaN : members.Length, ("upstream", Upstream));
        metrics.Gauge("postern_upstream_destinations_in_use", "Destinations that may be called now.", () => ended ? double.NaN : choice.Members.Length, ("upstream", Upstream));
        lock (gate)
        {
            this.logger = logger;
            slowStart.Start(time);
            foreach (var entry in listed)
            {
                entry.Resolution?.Changed += OnFound;
            }
            Welcome(Gather(), []);
        }
        Choose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (gate)
        {
            ended = true;
            slowStart.Dispose();
            foreach (var entry in listed)
            {
                entry.Resolution?.Changed -= OnFound;
            }
            foreach (var member in members)
            {
                member.Destination.Changed -= OnChanged;
            }
        }
    }

    /// <summary>
    /// Changes weights until a reload changes the upstream; destinations that aren't named keep theirs. A name is <c>host:port</c>;
    /// the one in the configuration stands for all that DNS has found by it.
    /// </summary>
    /// <returns>Why nothing was changed; null where it was.</returns>
    public string? SetWeights(IReadOnlyDictionary<string, int> changes)
    {
        lock (gate)
        {
            foreach (var (name, weight) in changes)
            {
                if (!members.Any(m => Names(m, name)))
                {
                    return $"no destination '{name}' (there are: {string.Join(", ", members.Select(m => m.Destination.Name))})";
                }
                if (weight is < 0 or > MaxWeight)
                {
                    return $"a weight is between 0 and {MaxWeight}, got {weight} for '{name}'";
                }
            }
            // Names of destinations that are gone are forgotten.
            var before = weights;
            weights = new Dictionary<string, int>(before.Where(w => members.Any(m => Names(m, w.Key))), before.Comparer);
            foreach (var (name, weight) in changes)
            {
                weights[name] = weight;
            }
            var all = Gather();
            if (all.All(m => m.Weight == 0))
            {
                weights = before;
                return "every weight would be 0, so nothing could be called; give one destination a weight";
            }
            Welcome(all, members);
        }
        Choose();
        MembersChanged?.Invoke();
        if (logger is not null)
        {
            LogWeights(logger, Upstream, string.Join(", ", members.Select(m => $"{m.Destination.Name} {m.Weight}")));
        }
        return null;
    }

    private static bool Names(Member member, string name) =>
        name.Equals(member.Destination.Name, StringComparison.OrdinalIgnoreCase) || name.Equals(member.Listed, StringComparison.OrdinalIgnoreCase);

    private void OnFound()
    {
        lock (gate)
        {
            if (ended)
            {
                return;
            }
            Welcome(Gather(), members);
        }
        Choose();
        MembersChanged?.Invoke();
    }

    /// <summary>Takes the members that there are now in the place of those before.</summary>
    private void Welcome(ImmutableArray<Member> all, ImmutableArray<Member> before)
    {
        var (here, were) = (all.Select(m => m.Destination).ToHashSet(), before.Select(m => m.Destination).ToHashSet());
        foreach (var gone in were.Where(d => !here.Contains(d)))
        {
            gone.Changed -= OnChanged;
        }
        foreach (var came in here.Where(d => !were.Contains(d)))
        {
            came.Changed += OnChanged;
        }
        slowStart.Arrive(here);
        members = all;
    }

    private void OnChanged(Destination which)
    {
        if (which.Troubles.IsEmpty)
        {
            slowStart.Begin(which);
        }
        Choose();
    }

    /// <summary>All there are now; those that were there before keep their judges.</summary>
    private ImmutableArray<Member> Gather()
    {
        var known = members.ToDictionary(m => m.Destination);
        var all = new List<Member>();
        foreach (var entry in listed)
        {
            if (entry.Destination is { } own)
            {
                Add(own, own.Name, entry.Weight, entry.IsBackup);
                continue;
            }
            foreach (var found in entry.Resolution!.Now)
            {
                Add(found.Destination, entry.Resolution.Name, (int)Math.Min(MaxWeight, (long)entry.Weight * found.Weight), entry.IsBackup || found.IsBackup);
            }
        }
        // Two names may lead to one place.
        return [.. all.DistinctBy(m => m.Destination.Name)];

        void Add(Destination destination, string name, int weight, bool backup)
        {
            var set = weights.TryGetValue(destination.Name, out var own) || weights.TryGetValue(name, out own) ? own : weight;
            all.Add(known.TryGetValue(destination, out var member)
                ? member with { Weight = set, IsBackup = backup }
                : new Member(destination, set, backup, judging.For(destination)) { Tag = tag(destination), Listed = name });
        }
    }

    private void Choose()
    {
        lock (gate)
        {
            if (ended)
            {
                return;
            }
            var panicked = choice.Panics;
            choice = Select();
            if (logger is not null && choice.Panics != panicked)
            {
                if (choice.Panics)
                {
                    LogPanic(logger, Upstream);
                }
                else
                {
                    LogCalm(logger, Upstream);
                }
            }
        }
    }

    /// <summary>
    /// The primaries that are well, as long as they are enough; else the backups that are well, too; where there are none of them,
    /// everybody: to be called in vain is better than not to be called.
    /// </summary>
    private Choice Select()
    {
        var called = members.Where(m => m.Weight > 0).ToArray();
        var primaries = called.Where(m => !m.IsBackup).ToArray();
        var well = primaries.Where(IsWell).ToArray();
        var panics = false;
        if (well.Length == 0 || well.Length < (judging.PanicBelow * primaries.Length) - 1e-9)
        {
            Member[] spare = [.. called.Where(m => m.IsBackup && IsWell(m))];
            panics = spare.Length == 0 && judging.PanicBelow > 0 && called.Length > 0;
            well = panics ? called : [.. well, .. spare];
        }
        return new Choice(well, slowStart.Weights(well), panics, [.. well, .. members.Where(m => m.Weight == 0 && (panics || IsWell(m)))]);
    }

    private static bool IsWell(Member member) => member.Destination.Troubles.IsEmpty;

    [LoggerMessage(Level = LogLevel.Information, Message = "Weights of upstream {Upstream} set, until a reload changes it: {Weights}")]
    private static partial void LogWeights(ILogger logger, string upstream, string weights);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upstream {Upstream}: so few of its destinations are well that all are called")]
    private static partial void LogPanic(ILogger logger, string upstream);

    [LoggerMessage(Level = LogLevel.Information, Message = "Upstream {Upstream}: enough of its destinations are well again")]
    private static partial void LogCalm(ILogger logger, string upstream);
}
