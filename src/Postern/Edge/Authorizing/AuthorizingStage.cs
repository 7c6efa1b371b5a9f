using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authorizing;

/// <summary>
/// Lets in whom a route is for: a known caller that lacks what the route asks for is refused, and told what is missing. Stands
/// right behind authenticating, which says who is calling, and before all that a caller who may not come in shouldn't use up.
/// </summary>
internal sealed class AuthorizingStage : IStage
{
    /// <inheritdoc/>
    public RequestDelegate Compile(RouteScope scope, RequestDelegate next)
    {
        if (scope.Options<RequireSection>().Require is not { } asked)
        {
            return next;
        }
        if (scope.Callers == Callers.Anyone)
        {
            Unasked(scope);
            return next;
        }
        var (requirement, values) = (new Requirement(asked), !Hides(asked));
        scope.Note("require", requirement.Words(null, values));
        var refused = MetricRegistry.Of(scope.State).Counter("postern_authorizations_refused_total", "Requests of known callers that lacked what the route requires.", ("gate", scope.Gate.Name));
        return new Barrier(next, requirement, values, scope.Gate.Name, refused).InvokeAsync;
    }

    /// <summary>Whether a value came from a secret, so that it isn't shown.</summary>
    private static bool Hides(RequireOptions asked) => Hides(asked.Claims) || Hides(asked.All) || Hides(asked.Any);

    private static bool Hides(RequireGroup? group) => group is not null && (Hides(group.Claims) || group.Of?.Any(Hides) is true);

    private static bool Hides(IReadOnlyDictionary<string, ClaimCondition>? claims) => claims?.Values.Any(c =>
        c.Origin is { } at && (at.At("is").Secret || Enumerable.Range(0, c.Is?.Count ?? 0).Any(i => at.At($"is[{i}]").Secret))) is true;

    private static void Unasked(RouteScope scope)
    {
        var (route, gate) = (scope.Route.Sections, scope.Gate.Sections);
        if (!route.Off.Contains("identity") && !gate.Off.Contains("identity"))
        {
            return; // Who may call is not decided, and that was told.
        }
        if (route.Find(typeof(RequireSection)) is RequireSection { Require: not null } own)
        {
            scope.Check.Error(own, "require", "asks something of callers that nobody knows, because identity is off; name ways in identity, or remove require");
        }
        else
        {
            scope.Check.Error(route.Origin, "the gate's require asks something of callers that nobody knows here, because identity is off; add require: off");
        }
    }

    private sealed class Barrier(RequestDelegate next, Requirement requirement, bool values, string realm, Counter refused)
    {
        public Task InvokeAsync(HttpContext context)
        {
            var exchange = Exchange.Of(context);
            if (exchange.Consumer is not { } consumer)
            {
                // RFC 6750 §3.1: no error code where no credential was sent.
                return Answer.FailAsync(context, Failure.Unauthenticated, challenge: exchange.Challenge);
            }
            return requirement.Holds(consumer) ? next(context) : RefuseAsync(context, consumer);
        }

        private Task RefuseAsync(HttpContext context, Consumer consumer)
        {
            refused.Add();
            var (told, logged) = ($"The caller is missing {requirement.Words(consumer, values: false)}.", $"missing {requirement.Words(consumer, values)}");
            return Answer.FailAsync(context, Failure.Forbidden, told, logged, Challenge(context, consumer));
        }

        /// <summary>RFC 6750 §3.1, for those who came with a token: which scopes a better one would have.</summary>
        private StringValues Challenge(HttpContext context, Consumer consumer) =>
            context.Request.Headers.Authorization.Count > 0 && requirement.ScopesLacking(consumer) is { } scopes
                ? $"Bearer realm=\"{realm}\", error=\"insufficient_scope\", scope=\"{scopes}\"" : default;
    }
}
