using Postern.Config;

namespace Postern.Pipeline;

/// <summary>How long a route may wait for those it calls.</summary>
public sealed record TimeoutSection : Options
{
    /// <summary>How long the upstream may take to begin its answer; 504 past it. Of a composed route: how long all of its sources together
    /// may take to answer. Default: the upstream's <c>timeout</c>; 30s for a composed route.</summary>
    [Range("1ms", "1h")] public TimeSpan? Timeout { get; init; }
}

/// <summary>The <c>timeout</c> of gates and routes in C#.</summary>
public static class TimeoutExtensions
{
    /// <summary>How long the upstream may take to begin its answer; of a composed route, how long its sources together may take.</summary>
    public static T Timeout<T>(this T at, TimeSpan timeout) where T : SectionBuilder
    {
        at.Sections.Set<TimeoutSection>(o => o with { Timeout = timeout });
        return at;
    }
}
