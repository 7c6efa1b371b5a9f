using Postern.Backends.Composing;
using Postern.Backends.Composing.Handlers;
using Postern.Backends.Proxying;
using Postern.Backends.Responding;
using Postern.Config;
using Postern.Edge.Admitting;
using Postern.Edge.Authenticating;
using Postern.Edge.Authorizing;
using Postern.Edge.Budgeting;
using Postern.Edge.ForwardingIdentity;
using Postern.Edge.Guarding;
using Postern.Edge.Observing;
using Postern.Edge.RateLimiting;
using Postern.Pipeline;
using Postern.Transforms;
using Postern.Transforms.FallingBack;
using Postern.Transforms.Grpc;
using Postern.Transforms.Locales;
using Postern.Transforms.Shaping;
using Postern.Transforms.Trimming;
using Postern.Upstreams.Balancing;
using Postern.Upstreams.Breaking;
using Postern.Upstreams.Bulkheads;
using Postern.Upstreams.Deadlines;
using Postern.Upstreams.Forwarding;
using Postern.Upstreams.HealthChecking;
using Postern.Upstreams.Observing;
using Postern.Upstreams.Retrying;

namespace Postern;

/// <summary>
/// THE LIST. What the gateway can do, in the order in which a request meets it. A feature is one folder and one line
/// here; the keys of the language, the JSON schema, <c>postern explain</c> and the reference page follow from it.
/// </summary>
internal static class Features
{
    /// <summary>Steps of the edge chain, outermost first. The first also stands around refusals that no route answers.</summary>
    public static readonly EdgeFeature[] Edge =
    [
        new("observe", new ObservingStage(), Root: typeof(TelemetrySection)) { Everywhere = true }, // outermost: whatever happens inside is seen
        new("guard", new GuardStage(), typeof(GuardOptions)) { Everywhere = true },               // refuses before anything is spent on the request
        new("budget", new BudgetStage(), typeof(BudgetSection)),              // outside all that waits or works: the client waits for all of it
        new("maxConcurrent", new AdmittingStage(), typeof(ConcurrencySection)), // before a flood costs more than being counted
        new("identity", new AuthenticatingStage(), typeof(IdentityOptions), typeof(IdentitySection)), // who is calling, before all that asks
        new("require", new AuthorizingStage(), typeof(RequireSection)),       // what a known caller may do; refused before it uses anything up
        new("maxConcurrentPerConsumer", new ConsumerAdmittingStage()),        // a request refused here uses nothing up
        new("rateLimit", new RateLimitStage(), typeof(RateLimitSection), typeof(TiersSection)), // who may not call uses nothing up
        new("tell", new ForwardIdentityStage(), Root: typeof(ForwardIdentitySection)), // behind all that may refuse the caller
        new("timeout", null, typeof(TimeoutSection)),                         // a backend that calls upstreams holds them to it
        new("shape", null, typeof(ShapeSection)),                             // each backend that has JSON applies it
        new("trim", null, typeof(TrimSection)),                               // the same, before its shape
        new("locale", null, typeof(LocaleSection)),                           // a shape's words ask for it
        new("headers", null, typeof(HeadersSection)),                         // each backend applies them where it writes a head
        new("fallback", null, typeof(FallbackSection)),                       // a backend that calls an upstream asks it where that fails
    ];

    /// <summary>What ends the edge chain: the key that asks for it. A route uses exactly one.</summary>
    public static readonly BackendFeature[] Backends =
    [
        new("to", new ProxyBackend(), typeof(ProxyOptions)),
        new("compose", new ComposeBackend(), typeof(ComposeSection)),
        new("respond", new RespondBackend(), typeof(RespondSection)),
        new("handler", new HandlerBackend(), typeof(HandlerSection)) { InCode = true },
    ];

    /// <summary>Paths that the gateway answers itself on each listener, before any gate, where the configuration asks for it.</summary>
    public static readonly EndpointFeature[] Endpoints =
    [
        new("/.well-known/jwks.json", new KeySetBackend()),                   // who verifies the gateway's tokens
    ];

    /// <summary>Steps of the upstream chain, outermost first.</summary>
    public static readonly UpstreamFeature[] Upstream =
    [
        new("observe", new ObservingHandler.Feature()),                            // measures what the route waited for
        new("deadline", new DeadlineHandler.Feature(), typeof(DeadlineOptions)),   // all that waits or tries again counts
        new("breaker", new BreakerHandler.Feature(), typeof(BreakerSection)),      // inside the deadline: what took too long is a failure
        new("maxConcurrent", new BulkheadHandler.Feature(), typeof(BulkheadSection)), // one place for a call, however often it is tried
        new("retry", new RetryHandler.Feature(), typeof(RetrySection)),            // all around it see one call; each of its tries picks anew
        new("tell", new TellingHandler.Feature()),                                 // behind all that waits: what is left now
        new("health", new HealthCheck.Feature(), typeof(HealthSection)),           // no step of a call: says whom balancing may pick
        new("descriptors", new DescriptorFeature(), typeof(DescriptorOptions)),    // no step of a call: what its methods take and give
        new("balance", new BalancingHandler.Feature(), typeof(BalancingOptions)),  // right before forwarding: each try picks anew
        new("forward", new ForwardingHandler.Feature(), typeof(ForwardingOptions)),
    ];

    /// <summary>What may be written where: each feature's own record, and what belongs to none.</summary>
    public static Grammar Grammar { get; } = new(
        Root: [typeof(GatewayOptions), .. Edge.Select(f => f.Root).OfType<Type>()],
        Upstream: [.. Upstream.Reverse().Select(f => f.Options).OfType<Type>()],
        Route: [.. Backends.Where(f => !f.InCode).Select(f => f.Options), .. Edge.Select(f => f.Options).OfType<Type>()]);

    public sealed record EdgeFeature(string Name, IStage? Stage, Type? Options = null, Type? Root = null)
    {
        /// <summary>Whether it stands around the gateway's own endpoints too.</summary>
        public bool Everywhere { get; init; }
    }

    public sealed record EndpointFeature(string Path, IBackend Backend);

    public sealed record BackendFeature(string Key, IBackend Backend, Type Options)
    {
        /// <summary>Whether C# alone can ask for it: no file has its key.</summary>
        public bool InCode { get; init; }

        /// <summary>Whether the route has the key.</summary>
        public bool IsAskedFor(RouteScope scope) =>
            scope.Route.Sections.Find(Options) is { } written && Options.GetProperty(char.ToUpperInvariant(Key[0]) + Key[1..])!.GetValue(written) is not null;
    }

    public sealed record UpstreamFeature(string Name, IUpstreamHandler Handler, Type? Options = null);
}
