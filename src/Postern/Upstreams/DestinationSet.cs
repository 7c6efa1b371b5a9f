using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Pipeline;
using Postern.Upstreams.Balancing;
using Postern.Upstreams.Forwarding;

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
    private readonly Dictionary<string, int> weights = new(StringComparer.OrdinalIgnoreCase);
    private ImmutableArray<Member> members = [];
    private volatile Choice choice;
    private ILogger? logger;
    private bool ended;

    /// <summary>One entry of the configuration.</summary>
    private sealed record Listed(Destination Destination, int Weight, bool IsBackup);

    private DestinationSet(string upstream, string key, ImmutableArray<Listed> listed, Judging judging, Func<Destination, string?> tag, TimeSpan slowStart)
    {
        (Upstream, Key, this.listed, this.judging, this.tag) = (upstream, key, listed, judging, tag);
        this.slowStart = new SlowStart(slowStart, Choose);
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

    /// <inheritdoc/>
    public string? NotReady => null;

    /// <summary>The upstream's destinations; the same object for every handler that asks, and after a reload that changes none of the options it is made of.</summary>
    public static DestinationSet Of(UpstreamScope scope)
    {
        var (forwarding, balancing, judging) = (scope.Options<ForwardingOptions>(), scope.Options<BalancingOptions>(), Judging.Of(scope));
        var listed = forwarding.Destinations.Where(d => Destination.Problem(d.Url) is null).DistinctBy(d => d.Url)
            .Select(d => new Listed(Destination.Of(scope, d.Url, forwarding), d.Weight, d.Backup)).ToImmutableArray();
        var slowStart = balancing.SlowStart ?? TimeSpan.Zero;
        var key = $"{scope.Upstream.Name} {string.Join(' ', listed.Select(l => $"{l.Destination.Url} {l.Weight} {l.IsBackup}"))} {DestinationSettings.From(forwarding)} "
            + $"{slowStart} {(balancing.Affinity is { } affinity ? ConfigText.Fingerprint(affinity) : "")} {judging.Key}";
        return scope.State.Keep("destinations", key, () =>
            new DestinationSet(scope.Upstream.Name, key, listed, judging, Affinity.Tags(scope.Upstream.Name, balancing.Affinity), slowStart));
    }

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger)
    {
        lock (gate)
        {
            this.logger = logger;
            slowStart.Start(time, members);
            foreach (var member in members)
            {
                member.Destination.Changed += OnChanged;
            }
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
            if (members.All(m => changes.FirstOrDefault(c => Names(m, c.Key), new("", m.Weight)).Value == 0))
            {
                return "every weight would be 0, so nothing could be called; give one destination a weight";
            }
            foreach (var gone in weights.Keys.Where(name => !members.Any(m => Names(m, name))).ToArray())
            {
                weights.Remove(gone);
            }
            foreach (var (name, weight) in changes)
            {
                weights[name] = weight;
            }
            members = Gather();
        }
        Choose();
        if (logger is not null)
        {
            LogWeights(logger, Upstream, string.Join(", ", members.Select(m => $"{m.Destination.Name} {m.Weight}")));
        }
        return null;
    }

    private static bool Names(Member member, string name) =>
        name.Equals(member.Destination.Name, StringComparison.OrdinalIgnoreCase) || name.Equals(member.Listed, StringComparison.OrdinalIgnoreCase);

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
        var all = ImmutableArray.CreateBuilder<Member>();
        foreach (var entry in listed)
        {
            Add(entry.Destination, entry.Destination.Name, entry.Weight, entry.IsBackup);
        }
        return all.ToImmutable();

        void Add(Destination destination, string name, int weight, bool backup)
        {
            var own = weights.TryGetValue(destination.Name, out var set) || weights.TryGetValue(name, out set) ? set : weight;
            all.Add(known.TryGetValue(destination, out var member)
                ? member with { Weight = own, IsBackup = backup }
                : new Member(destination, own, backup, judging.For(destination)) { Tag = tag(destination), Listed = name });
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
                LogPanic(logger, Upstream, choice.Panics ? "so few of its destinations are well that all are called" : "enough of its destinations are well again");
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upstream {Upstream}: {What}")]
    private static partial void LogPanic(ILogger logger, string upstream, string what);
}
