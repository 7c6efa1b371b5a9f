using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms;
using Postern.Wire;

namespace Postern.Backends.Proxying;

/// <summary>One place a route sends to: an upstream, and the path there.</summary>
internal sealed record Target(UpstreamHandle Upstream, UrlTemplate Url, int Weight, string Text)
{
    /// <summary>Differs between targets and is the same on every instance of a fleet.</summary>
    public ulong Seed { get; } = StableHash.Of(Text);

    /// <summary>As the admin port knows it.</summary>
    public WeighedTarget Weighed => new(Text, Upstream.Name, Weight);
}

/// <summary>
/// Chooses among weighted targets. Without a key, the n-th request takes the n-th of <see cref="Points"/>, so that the shares are exact
/// to a few requests in ten thousand. With a key, by weighted rendezvous hashing: every
/// instance agrees, and when weights move only those callers move who must.
/// </summary>
internal sealed class Targets
{
    private readonly Target[] targets;
    private readonly StickyKey? sticky;
    private readonly LiveWeights weights;
    private uint count = uint.MaxValue;

    /// <param name="targets">The targets, those without weight too.</param>
    /// <param name="sticky">What a caller is recognised by; null where none is.</param>
    /// <param name="weights">How they share, where that may change; else as they were written.</param>
    public Targets(Target[] targets, StickyKey? sticky, LiveWeights? weights = null) =>
        (this.targets, this.sticky, this.weights) = (targets, sticky, weights ?? new LiveWeights([.. targets.Select(t => t.Weighed)]));

    public Target Choose(HttpContext context, Exchange exchange)
    {
        if (targets.Length == 1)
        {
            return targets[0];
        }
        return sticky?.Of(context, exchange) is { Length: > 0 } key ? ByKey(StableHash.Of(key)) : ByTurn();
    }

    /// <summary>The targets that could serve this request, each with its chance: one, where it carries a key.</summary>
    public IReadOnlyList<(Target Target, double Share)> Possible(HttpContext context, Exchange exchange)
    {
        if (targets.Length == 1 || sticky?.Of(context, exchange) is { Length: > 0 })
        {
            return [(Choose(context, exchange), 1)];
        }
        var shares = weights.Now;
        return [.. targets.Select((t, i) => (Target: t, Share: shares.Of(i))).Where(t => t.Share > 0)];
    }

    private Target ByTurn() => targets[weights.Now.At(Points.Of(Interlocked.Increment(ref count), Points.RootOfTwo))];

    private Target ByKey(ulong key)
    {
        var shares = weights.Now.Weights;
        var (best, bestScore) = (targets[0], double.PositiveInfinity);
        for (var i = 0; i < targets.Length; i++)
        {
            // Without weight the score is infinite, and never the best.
            var point = ((StableHash.Mix(key ^ targets[i].Seed) >> 11) + 0.5) / (1UL << 53);
            var score = -Math.Log(point) / shares[i];
            if (score < bestScore)
            {
                (best, bestScore) = (targets[i], score);
            }
        }
        return best;
    }
}

/// <summary>What a caller is recognised by: who it is, its address, a header, a cookie.</summary>
internal sealed class StickyKey(KeyedBy by)
{
    /// <summary>The caller's key, or null where the request carries none: it then takes its turn.</summary>
    public string? Of(HttpContext context, Exchange exchange) => by.Kind switch
    {
        KeyKind.Address => exchange.AddressKey,
        KeyKind.Consumer => exchange.Consumer?.Key,
        KeyKind.Header => context.Request.Headers[by.Name],
        _ => context.Request.Cookies[by.Name],
    };
}
