using Postern.Config;
using Postern.Edge.RateLimiting.Counting;

namespace Postern.Edge.RateLimiting;

/// <summary>How many requests a route takes.</summary>
public sealed record RateLimitSection : Options
{
    /// <summary>How many requests a caller may make; 429 past it. Written at a gate it is one limit for all its routes together.</summary>
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
    /// <summary>How many requests in what time; several rates hold together, 16 at most.</summary>
    [OneOrMany] public IReadOnlyList<Rate>? Allow { get; init; }

    /// <summary>How they are counted.</summary>
    public LimitAlgorithm Algorithm { get; init; } = LimitAlgorithm.SlidingWindow;

    /// <summary>With <c>tokenBucket</c>: how many requests may come at once. Default: as many as the rate allows in its time.</summary>
    [Range("1", "1000000")] public int? Burst { get; init; }

    /// <summary>What is counted apart: <c>consumer</c> (the address where the caller isn't known), <c>ip</c> (IPv6 by /64), <c>header:NAME</c>
    /// (the address where the request has no such field), <c>gate</c>, <c>route</c>; with several, each combination. Default: <c>consumer</c>.</summary>
    [OneOrMany] public IReadOnlyList<string>? By { get; init; }

    /// <summary>True: the limits of the caller's tier hold (see <c>tiers</c>); instead of <c>allow</c>.</summary>
    public bool Tiers { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Allow is not { Count: > 0 } && !Tiers)
        {
            check.Error(this, "", "says no limit; write allow: 100/minute or tiers: true");
        }
        if (Allow is not null && Tiers)
        {
            check.Error(this, "tiers", "a limit is its own or the tier's, got allow and tiers; remove one");
        }
        if (Tiers && (Algorithm != LimitAlgorithm.SlidingWindow || Origin?.Has("algorithm") is true))
        {
            check.Error(this, "algorithm", "a tier's limits are sliding windows, with a bucket where the tier has a burst; remove it");
        }
        if (Allow?.Count > CompiledPlan.MostUses)
        {
            check.Error(this, "allow", $"at most {CompiledPlan.MostUses} rates hold together, got {Allow.Count}; remove some");
        }
        for (var i = 0; i < Allow?.Count; i++)
        {
            if (Fault(Allow[i]) is { } fault)
            {
                // Where only one was written, no list was.
                check.Error(this, Allow.Count == 1 ? "allow" : $"allow[{i}]", fault);
            }
        }
        if (Burst is not null && Algorithm != LimitAlgorithm.TokenBucket)
        {
            check.Error(this, "burst", Tiers ? "a tier says its own burst; remove it" : "only a token bucket has one; add algorithm: tokenBucket");
        }
        if (By is { Count: 0 })
        {
            check.Error(this, "by", "says nothing to count by; write consumer, ip, header:NAME, gate or route, or leave it out for consumer");
        }
        for (var i = 0; i < By?.Count; i++)
        {
            if (LimitKey.Problem(By[i]) is { } problem)
            {
                check.Error(this, $"by[{i}]", problem);
            }
            else if (By.Take(i).Contains(By[i], StringComparer.OrdinalIgnoreCase)) // so are headers' names
            {
                check.Error(this, $"by[{i}]", $"'{By[i]}' is here already; remove one");
            }
        }
    }

    private string? Fault(Rate rate) =>
        rate.IsNone ? "a limit of none lets nothing through; remove the route instead"
        : rate.Problem is { } problem ? problem
        : Algorithm == LimitAlgorithm.SlidingLog && rate.Count > CompiledPlan.MostLogged
            ? $"a sliding log keeps each request's time, so it counts to {CompiledPlan.MostLogged} at most, got {rate}; write algorithm: slidingWindow"
        : null;
}
