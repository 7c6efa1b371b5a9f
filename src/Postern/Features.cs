using Postern.Backends.Proxying;
using Postern.Backends.Responding;
using Postern.Config;
using Postern.Edge.Authenticating;
using Postern.Edge.Guarding;
using Postern.Edge.Observing;
using Postern.Pipeline;
using Postern.Upstreams.Balancing;
using Postern.Upstreams.Deadlines;
using Postern.Upstreams.Forwarding;

namespace Postern;

/// <summary>
/// THE LIST. What the gateway can do, in the order in which a request meets it. A feature is one folder and one line
/// here; the keys of the language, the JSON schema, <c>postern explain</c> and the reference page follow from it.
/// </summary>
internal static class Features
{
    /// <summary>Steps of the edge chain, outermost first.</summary>
    public static readonly EdgeFeature[] Edge =
    [
    ];

    /// <summary>What ends the edge chain; a route uses exactly one.</summary>
    public static readonly BackendFeature[] Backends =
    [
        new("to", new ProxyBackend(), typeof(ProxyOptions)),
        new("respond", new RespondBackend(), typeof(RespondSection)),
    ];

    /// <summary>Steps of the upstream chain, outermost first.</summary>
    public static readonly UpstreamFeature[] Upstream =
    [
    ];

    /// <summary>What may be written where.</summary>
    public static Grammar Grammar { get; } = new(
        Root: [typeof(GatewayOptions), typeof(TelemetrySection)],
        Upstream: [typeof(ForwardingOptions), typeof(BalancingOptions), typeof(DeadlineOptions)],
        Route: [typeof(IdentityOptions), typeof(GuardOptions), typeof(ProxyOptions), typeof(RespondSection)]);

    public sealed record EdgeFeature(string Name, IStage Stage, Type? Options = null);

    public sealed record BackendFeature(string Key, IBackend Backend, Type Options)
    {
        /// <summary>Whether the route has the key that asks for this backend.</summary>
        public bool IsAskedFor(RouteScope scope) =>
            scope.Route.Sections.Find(Options) is { } written && Options.GetProperty(char.ToUpperInvariant(Key[0]) + Key[1..])!.GetValue(written) is not null;
    }

    public sealed record UpstreamFeature(string Name, IUpstreamHandler Handler, Type? Options = null);
}
