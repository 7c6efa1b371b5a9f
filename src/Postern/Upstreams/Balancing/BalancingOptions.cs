using Postern.Config;

namespace Postern.Upstreams.Balancing;

/// <summary>How an upstream's destinations share its calls.</summary>
public sealed record BalancingOptions : Options
{
    /// <summary>The rule that picks a destination for each call.</summary>
    [Default("powerOfTwo")] public Balance? Balance { get; init; }
}

/// <summary>A rule that picks a destination.</summary>
public enum Balance
{
    /// <summary>Two at random, and of these the one with fewer calls in flight.</summary>
    PowerOfTwo,
    /// <summary>One after the other.</summary>
    RoundRobin,
    /// <summary>Any, with equal chances.</summary>
    Random,
    /// <summary>The one with the fewest calls in flight.</summary>
    LeastRequests,
}
