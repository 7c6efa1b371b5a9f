using Postern.Pipeline;
using Postern.Upstreams.Breaking;
using Postern.Upstreams.Forwarding;
using Postern.Upstreams.HealthChecking;

namespace Postern.Upstreams;

/// <summary>Who judges an upstream's destinations by their calls, and when so few are left that all are called.</summary>
/// <param name="Key">Differs wherever the options that it is made of do.</param>
/// <param name="PanicBelow">The share of destinations without trouble, from 0 to 1, below which all are called.</param>
/// <param name="For">Makes the judges of one destination; called once for each of a set, also for one that DNS finds long after compiling. Only the last may refuse a call: what it admits counts as let in.</param>
internal sealed record Judging(string Key, double PanicBelow, Func<Destination, IJudge[]> For)
{
    /// <summary>What the upstream's options ask for.</summary>
    public static Judging Of(UpstreamScope scope)
    {
        var panicBelow = scope.Options<HealthSection>().Health?.PanicBelow?.Share ?? 0.5;
        var passive = PassiveHealth.Of(scope);
        // Of a single destination the upstream's own breaker knows as much.
        var breakers = HasSeveral(scope) ? Breakers.Of(scope) : null;
        return new Judging($"{panicBelow} {passive?.Plan} {breakers?.Plan}", panicBelow, destination => (passive, breakers) switch
        {
            (null, null) => [],
            (null, _) => [breakers.Of(destination)],
            (_, null) => [passive.Of(destination)],
            _ => [passive.Of(destination), breakers.Of(destination)],
        });
    }

    /// <summary>Whether its destinations are those that are listed.</summary>
    public static bool IsFixed(UpstreamScope scope) => scope.Options<ForwardingOptions>() is { } forwarding
        && (forwarding.Resolve is null || forwarding.Destinations.All(d => Destination.Problem(d.Url) is not null || Destination.IsAddress(d.Url)));

    /// <summary>Whether the upstream has, or may find, more than one destination.</summary>
    public static bool HasSeveral(UpstreamScope scope) => !IsFixed(scope) || scope.Options<ForwardingOptions>().Destinations.Count > 1;
}
