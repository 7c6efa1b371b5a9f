using System.Runtime.CompilerServices;
using Postern.Config;
using Postern.Pipeline;

namespace Postern.Edge.RateLimiting;

/// <summary>Limits in C#.</summary>
public static class RateLimitExtensions
{
    /// <summary>How many requests a caller may make: a sliding window for each consumer, and for each address where the caller isn't known.</summary>
    public static T RateLimit<T>(this T at, params Rate[] allow) where T : SectionBuilder => at.RateLimit(new RateLimitOptions { Allow = allow });

    /// <summary>How many requests a caller may make.</summary>
    public static T RateLimit<T>(this T at, RateLimitOptions options) where T : SectionBuilder
    {
        at.Sections.Off.Remove("rateLimit");
        at.Sections.Set<RateLimitSection>(o => o with { RateLimit = options with { Origin = at.Sections.Origin.At("rateLimit") } });
        return at;
    }

    /// <summary>The limits of the caller's tier hold.</summary>
    /// <param name="at">The gate or route.</param>
    /// <param name="by">What is counted apart: <c>consumer</c>, <c>ip</c>, <c>header:NAME</c>, <c>gate</c>, <c>route</c>. Default: consumers.</param>
    public static T RateLimitByTier<T>(this T at, params string[] by) where T : SectionBuilder =>
        at.RateLimit(new RateLimitOptions { Tiers = true, By = by.Length > 0 ? by : null });

    /// <summary>No limit: <c>rateLimit: off</c>.</summary>
    public static T RateLimitOff<T>(this T at) where T : SectionBuilder
    {
        at.Sections.Off.Add("rateLimit");
        at.Sections.Set<RateLimitSection>(o => o with { RateLimit = null });
        return at;
    }

    /// <summary>The group of the tier's limits in which requests count.</summary>
    public static T Group<T>(this T at, string group) where T : SectionBuilder
    {
        at.Sections.Off.Remove("group");
        at.Sections.Set<RateLimitSection>(o => o with { Group = group });
        return at;
    }

    /// <summary>How much one request counts.</summary>
    public static T Cost<T>(this T at, int cost) where T : SectionBuilder
    {
        at.Sections.Off.Remove("cost");
        at.Sections.Set<RateLimitSection>(o => o with { Cost = cost });
        return at;
    }

    /// <summary>Defines the tiers that callers have.</summary>
    /// <param name="gateway">The gateway.</param>
    /// <param name="otherwise">The tier of callers who name none, or one that isn't defined, or aren't known.</param>
    /// <param name="tiers">Each tier's limits: <c>new() { ["free"] = new() { Global = Rate.PerMinute(100) } }</c>.</param>
    /// <param name="claim">The claim that names a token's tier; null for <c>plan</c>.</param>
    /// <param name="file">Filled in by the compiler.</param>
    /// <param name="line">Filled in by the compiler.</param>
    public static GatewayBuilder Tiers(
        this GatewayBuilder gateway, string otherwise, Dictionary<string, TierOptions> tiers, string? claim = null, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        gateway.Root<TiersSection>(o => o with
        {
            Tiers = new TiersOptions { Default = otherwise, Claim = claim, Plans = tiers, Origin = Place.Of(file, line, "tiers") },
        });
}
