using Postern.Config;

namespace Postern.Edge.RateLimiting;

/// <summary>How many requests a route takes.</summary>
public sealed record RateLimitSection : Options
{
    /// <summary>How many requests a caller may make; 429 past it.</summary>
    public RateLimitOptions? RateLimit { get; init; }

    /// <summary>The group of the tier's limits in which the route's requests count; without one they count globally only.</summary>
    public string? Group { get; init; }

    /// <summary>How much one request counts.</summary>
    [Range("1", "1000"), Default("1")] public int? Cost { get; init; }
}

/// <summary>A limit. A plain rate is a sliding window for each consumer, and for each address where the caller isn't known.</summary>
[Shorthand(nameof(Allow))]
public sealed record RateLimitOptions : Options
{
    /// <summary>How many requests in what time; several rates hold together.</summary>
    [OneOrMany] public IReadOnlyList<Rate>? Allow { get; init; }

    /// <summary>How they are counted.</summary>
    public LimitAlgorithm Algorithm { get; init; } = LimitAlgorithm.SlidingWindow;

    /// <summary>With <c>tokenBucket</c>: how many requests may come at once. Default: as many as the rate allows in its time.</summary>
    [Range("1", "1000000")] public int? Burst { get; init; }

    /// <summary>What is counted apart: <c>consumer</c> (the address where the caller isn't known), <c>ip</c> (IPv6 by /64), <c>header:NAME</c>,
    /// <c>gate</c>, <c>route</c>; with several, each combination. Default: <c>consumer</c>.</summary>
    [OneOrMany] public IReadOnlyList<string>? By { get; init; }

    /// <summary>True: the limits of the caller's tier hold (see <c>tiers</c>), instead of or beside <c>allow</c>.</summary>
    public bool Tiers { get; init; }
}

/// <summary>What the root says of tiers.</summary>
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
