using Postern.Config;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Upstreams.Balancing;

/// <summary>How an upstream's destinations share its calls.</summary>
public sealed record BalancingOptions : Options
{
    /// <summary>The rule that picks a destination for each call: its name, or a mapping. Default: <c>powerOfTwo</c>.</summary>
    public BalanceOptions? Balance { get; init; }

    /// <summary>Binds each client to the destination that served it first, by a cookie that the gateway sets; a plain text is the cookie's name.</summary>
    public AffinityOptions? Affinity { get; init; }

    /// <summary>How long the weight of a destination that is new, or was in trouble, grows from a tenth to all of it; without it, it has all at once.</summary>
    [Range("1s", "1h")] public TimeSpan? SlowStart { get; init; }
}

/// <summary>A rule that picks a destination. A plain text is its name.</summary>
[Shorthand(nameof(Rule))]
public sealed record BalanceOptions : Options
{
    /// <summary>The rule.</summary>
    public Balance Rule { get; init; } = Balance.PowerOfTwo;

    /// <summary>With <c>hash</c>: calls that have this in common go to the same destination. <c>consumer</c> (who is known to call), <c>ip</c>
    /// (IPv6 by /64), <c>header:NAME</c> or <c>cookie:NAME</c>; a call without it goes by its client's address. Default: <c>consumer</c>.</summary>
    public string? By { get; init; }

    /// <summary>With <c>hash</c>: how much of its share of all calls in flight a destination may have before calls go to the next.</summary>
    [Range("100%", "1000%")] public Percent MaxLoad { get; init; } = new(125);

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (By is not null && KeyedBy.Problem(By, "nothing to hash by") is { } problem)
        {
            check.Error(this, "by", problem);
        }
        else if (By is not null && Rule != Balance.Hash)
        {
            check.Error(this, "by", "only hash has a key; write rule: hash, or remove it");
        }
        if (Rule != Balance.Hash && MaxLoad != new Percent(125))
        {
            check.Error(this, "maxLoad", "only hash has a bound; write rule: hash, or remove it");
        }
    }
}

/// <summary>A rule that picks a destination.</summary>
public enum Balance
{
    /// <summary>Two by chance, and of these the one with fewer calls in flight for its weight.</summary>
    [Elsewhere("p2c", "powerOfTwoChoices", "randomChoice", "randomChoose")] PowerOfTwo,
    /// <summary>One after the other, by weight.</summary>
    [Elsewhere("rr", "wrr", "weightedRoundRobin", "smoothWeightedRoundRobin", "staticRr")] RoundRobin,
    /// <summary>Any, with chances by weight.</summary>
    [Elsewhere("weightedRandom")] Random,
    /// <summary>The one with the fewest calls in flight for its weight.</summary>
    [Elsewhere("leastRequest", "leastConn", "leastConnection", "leastConnections")] LeastRequests,
    /// <summary>The same for all calls with the same key, unless that one has too much to do.</summary>
    [Elsewhere("chash", "consistentHash", "consistentHashing", "ringHash", "maglev", "hrw", "rendezvous", "ipHash", "clientIpHash", "sourceIp", "header", "cookie")] Hash,
}

/// <summary>A cookie that binds clients to destinations. A plain text is its name.</summary>
[Shorthand(nameof(Cookie))]
public sealed record AffinityOptions : Options
{
    /// <summary>The cookie's name; each upstream's own.</summary>
    [Needed(Example = "SHOP_SERVER")] public string Cookie { get; init; } = "";

    /// <summary>How long a browser keeps it; without it, until it is closed.</summary>
    [Range("1s", "500h")] public TimeSpan? MaxAge { get; init; }

    /// <summary>Whether a browser sends it with requests that other sites cause.</summary>
    public SameSite SameSite { get; init; } = SameSite.Lax;

    /// <summary>With it, nobody can guess addresses from the cookie's value; the same on every instance. 16 characters or more.</summary>
    [Secret] public string? Secret { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Cookie.Length > 0 && !Token.IsValid(Cookie))
        {
            check.Error(this, "cookie", $"not a cookie's name, got '{Cookie}'; write letters, digits, '-' and '_'");
        }
        if (Secret is { Length: < 16 })
        {
            check.Error(this, "secret", "shorter than 16 characters, so it could be guessed; write a longer one");
        }
    }
}

/// <summary>Whether a browser sends a cookie with requests that other sites cause.</summary>
public enum SameSite
{
    /// <summary>Only when a link from elsewhere is followed.</summary>
    Lax,
    /// <summary>Never.</summary>
    Strict,
    /// <summary>Always; browsers then want it over https only.</summary>
    None,
}
