using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Pipeline;
using Postern.Upstreams.Forwarding;

namespace Postern.Upstreams;

/// <summary>One destination of an upstream, as balancing sees it.</summary>
/// <param name="Destination">The destination.</param>
/// <param name="Weight">Its share, in proportion to the others'.</param>
/// <param name="IsBackup">Whether it is called only where no other can be.</param>
/// <param name="Judges">Who judges it by its calls; empty for nobody.</param>
internal sealed record Member(Destination Destination, int Weight, bool IsBackup, IJudge[] Judges);

/// <summary>Those that may be called at this moment; immutable, so that a call reads one and no lock.</summary>
/// <param name="Members">Who may be called: those without trouble, else the backups, else (panic) everybody.</param>
/// <param name="Panics">Whether so few are without trouble that all are called.</param>
internal sealed record Choice(Member[] Members, bool Panics);

/// <summary>
/// The destinations of one upstream and which of them may be called. Whatever changes that (a probe, an ejection, a weight, the
/// DNS) makes a new <see cref="Choice"/>, off the path of requests. It outlives reloads that change nothing of it.
/// </summary>
internal sealed class DestinationSet : ILive
{
    private readonly Lock gate = new();
    private ImmutableArray<Member> members;
    private volatile Choice choice;

    private readonly double panicBelow;

    private DestinationSet(string upstream, ImmutableArray<Member> members, double panicBelow)
    {
        (Upstream, this.panicBelow) = (upstream, panicBelow);
        this.members = members;
        choice = Choose();
    }

    /// <summary>The upstream's name.</summary>
    public string Upstream { get; }

    /// <summary>All there are.</summary>
    public ImmutableArray<Member> Members => members;

    /// <summary>Who may be called now.</summary>
    public Choice Now => choice;

    /// <inheritdoc/>
    public string? NotReady => null;

    /// <summary>The upstream's destinations; the same object for every handler that asks, and after a reload that changes none of the options it is made of.</summary>
    public static DestinationSet Of(UpstreamScope scope)
    {
        var (forwarding, judging) = (scope.Options<ForwardingOptions>(), Judging.Of(scope));
        var destinations = forwarding.Destinations.Where(u => Destination.Problem(u) is null).Distinct().Select(u => Destination.Of(scope, u, forwarding)).ToArray();
        var key = $"{scope.Upstream.Name} {string.Join(' ', destinations.Select(d => d.Url))} {DestinationSettings.From(forwarding)} {judging.Key}";
        return scope.State.Keep("destinations", key, () =>
            new DestinationSet(scope.Upstream.Name, [.. destinations.Select(d => new Member(d, 1, false, judging.For(d)))], judging.PanicBelow));
    }

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger)
    {
        foreach (var member in members)
        {
            member.Destination.Changed += OnChanged;
        }
        OnChanged(null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var member in members)
        {
            member.Destination.Changed -= OnChanged;
        }
    }

    private void OnChanged(Destination? which)
    {
        lock (gate)
        {
            choice = Choose();
        }
    }

    private Choice Choose()
    {
        var well = members.Where(m => m.Destination.Troubles.IsEmpty).ToArray();
        return well.Length > 0 && well.Length >= panicBelow * members.Length ? new Choice(well, false) : new Choice([.. members], members.Length > 0);
    }
}
