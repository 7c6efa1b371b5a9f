using Postern.Config;

namespace Postern.Pipeline;

/// <summary>What the root says of tiers. Stands here because who authenticates reads the tier, and who limits uses it.</summary>
public sealed record TiersSection : Options
{
    /// <summary>Plans: what callers of each may use.</summary>
    public TiersOptions? Tiers { get; init; }
}

/// <summary>Plans by name, and which one a caller has. An API key says it; a token by a claim.</summary>
public sealed record TiersOptions : Options
{
    /// <summary>The claim that names a token's tier, where the way's own <c>claims.tier</c> says no other.</summary>
    public string? Claim { get; init; }

    /// <summary>The tier of callers whose key or token names none, or one that isn't defined, and of callers who aren't known.</summary>
    [Needed(Example = "free")] public string? Default { get; init; }

    /// <summary>A tier's limits.</summary>
    [OtherKeys] public IReadOnlyDictionary<string, TierOptions>? Plans { get; init; }
}

/// <summary>One tier's limits: all of them hold at once, and a request that one refuses counts in none.</summary>
public sealed record TierOptions : Options
{
    /// <summary>All requests together.</summary>
    public Rate? Global { get; init; }

    /// <summary>Requests to routes of each group; <c>none</c>: the tier lacks it, and the answer is 403.</summary>
    public IReadOnlyDictionary<string, Rate>? Groups { get; init; }

    /// <summary>How fast each of these may be used up: <c>1.5x/10s</c> is a token bucket that holds one and a half times the limit's
    /// share of ten seconds and refills at the steady rate. Default: as fast as the caller likes.</summary>
    public Burst? Burst { get; init; }
}
