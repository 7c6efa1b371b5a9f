using Postern.Pipeline;

namespace Postern.Edge.Admitting;

/// <summary>Where a bound is written, and so what it counts: a gate's counts all routes that have it from there, a route's own that route.</summary>
/// <param name="Gate">The gate.</param>
/// <param name="Route">The route, or null for the gate's.</param>
internal sealed record Reach(string Gate, string? Route)
{
    /// <summary>For messages and metrics: <c>gate</c> or <c>route</c>.</summary>
    public string Kind => Route is null ? "gate" : "route";

    /// <summary>Tells it from all others.</summary>
    public string Key => Route is null ? Gate : $"{Gate} {Route}";

    /// <summary>The labels of its metrics.</summary>
    public (string, string)[] Labels => Route is null ? [("gate", Gate)] : [("gate", Gate), ("route", Route)];

    /// <summary>The reach of what holds on this route.</summary>
    public static Reach Of(RouteScope scope, Func<ConcurrencySection, object?> key) =>
        new(scope.Gate.Name, scope.Route.Sections.Find(typeof(ConcurrencySection)) is ConcurrencySection own && key(own) is not null ? scope.Name : null);
}
