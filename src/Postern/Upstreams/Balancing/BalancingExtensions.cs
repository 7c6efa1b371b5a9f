using Postern.Config;
using Postern.Upstreams.Forwarding;
using Postern.Upstreams.Resolving;

namespace Postern.Upstreams.Balancing;

/// <summary>How an upstream's destinations share its calls, in C#.</summary>
public static class BalancingExtensions
{
    /// <summary>How its destinations share the calls.</summary>
    public static UpstreamBuilder Balance(this UpstreamBuilder upstream, Balance rule) =>
        upstream.Set<BalancingOptions>(o => o with { Balance = new BalanceOptions { Rule = rule } });

    /// <summary>Calls with the same key go to the same destination.</summary>
    /// <param name="upstream">The upstream.</param>
    /// <param name="by"><c>consumer</c>, <c>ip</c>, <c>header:NAME</c> or <c>cookie:NAME</c>.</param>
    /// <param name="maxLoad">How much of its share of all calls in flight a destination may have before calls go to the next, in percent.</param>
    public static UpstreamBuilder BalanceByHash(this UpstreamBuilder upstream, string by = "consumer", int maxLoad = 125) =>
        upstream.Set<BalancingOptions>(o => o with { Balance = new BalanceOptions { Rule = Balancing.Balance.Hash, By = by, MaxLoad = new Percent(maxLoad) } });

    /// <summary>One more destination.</summary>
    /// <param name="upstream">The upstream.</param>
    /// <param name="url">Where it is.</param>
    /// <param name="weight">Its share of the calls, in proportion to the others'.</param>
    /// <param name="backup">Whether it is called only while too few others are well.</param>
    public static UpstreamBuilder Destination(this UpstreamBuilder upstream, string url, int weight = 1, bool backup = false) =>
        upstream.Set<ForwardingOptions>(o => o with { Url = null, Urls = [.. o.Destinations, new DestinationOptions { Url = url, Weight = weight, Backup = backup }] });

    /// <summary>Binds each client to the destination that served it first, by a cookie of that name.</summary>
    /// <param name="upstream">The upstream.</param>
    /// <param name="cookie">The cookie's name.</param>
    /// <param name="maxAge">How long a browser keeps it; null until it is closed.</param>
    /// <param name="secret">With it, nobody can guess addresses from the cookie's value.</param>
    /// <param name="sameSite">Whether a browser sends it with requests that other sites cause.</param>
    public static UpstreamBuilder Affinity(this UpstreamBuilder upstream, string cookie, TimeSpan? maxAge = null, string? secret = null, SameSite sameSite = SameSite.Lax) =>
        upstream.Set<BalancingOptions>(o => o with { Affinity = new AffinityOptions { Cookie = cookie, MaxAge = maxAge, Secret = secret, SameSite = sameSite } });

    /// <summary>Makes a destination of each address that the host name of its URL has, and keeps looking.</summary>
    public static UpstreamBuilder Resolve(this UpstreamBuilder upstream, ResolveBy by = ResolveBy.Dns) => upstream.Resolve(new ResolveOptions { By = by });

    /// <summary>The same, with more to say of it.</summary>
    public static UpstreamBuilder Resolve(this UpstreamBuilder upstream, ResolveOptions options) => upstream.Set<ForwardingOptions>(o => o with { Resolve = options });

    /// <summary>How long the weight of a destination that is new, or was in trouble, grows to all of it.</summary>
    public static UpstreamBuilder SlowStart(this UpstreamBuilder upstream, TimeSpan duration) =>
        upstream.Set<BalancingOptions>(o => o with { SlowStart = duration });
}
