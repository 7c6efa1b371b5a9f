using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Runtime;

/// <summary>
/// THE REQUEST PATH ON ONE PAGE. A route's chain is the stages of <see cref="Features.Edge"/>, outermost first, around the
/// one backend of <see cref="Features.Backends"/> that the route asks for. A stage the route doesn't use hands its
/// successor back and is not in the chain.
/// </summary>
internal static class RouteCompiler
{
    /// <summary>The route ready to run, or null with every reason why not in <paramref name="scope"/>'s check.</summary>
    public static CompiledRoute? Compile(RouteScope scope)
    {
        var (route, check) = (scope.Route, scope.Check);
        var at = route.Sections.Origin;
        var (template, problem) = PathTemplate.Parse(route.Template);
        if (problem is not null)
        {
            check.Error(at.At(route.Method == "*" ? "any" : route.Method.ToLowerInvariant()), problem);
        }
        var conditions = CompileConditions(route, check);
        // Without a backend it never runs, but what it ties with is told all the same.
        var chain = Backend(scope) ?? (static _ => Task.CompletedTask);
        if (template is null || conditions is null)
        {
            return null;
        }
        for (var i = Features.Edge.Length - 1; i >= 0; i--)
        {
            chain = Features.Edge[i].Stage?.Compile(scope, chain) ?? chain;
        }
        foreach (var name in route.When?.Header.Keys ?? [])
        {
            scope.Touch(name, route.When!, $"header.{name}", "no request of a client has it; ask for another field");
        }
        scope.CheckTouched();
        return new CompiledRoute(route.Method, template, conditions, chain, at, scope.Notes)
        {
            Label = scope.Label,
            Weights = scope.Weights,
            Exposed = scope.Exposed,
        };
    }

    /// <summary>The gateway's own endpoints that the configuration asks for.</summary>
    public static CompiledEndpoint[] Endpoints(Func<string, RouteScope> scope) =>
        [.. Features.Endpoints.Select(e => Endpoint(scope(e.Path), e.Backend)).OfType<CompiledEndpoint>()];

    private static CompiledEndpoint? Endpoint(RouteScope scope, IBackend backend)
    {
        if (backend.Compile(scope) is not { } chain)
        {
            return null;
        }
        for (var i = Features.Edge.Length - 1; i >= 0; i--)
        {
            chain = Features.Edge[i].Everywhere ? Features.Edge[i].Stage!.Compile(scope, chain) : chain;
        }
        return new CompiledEndpoint(scope.Route.Template, $"{scope.Route.Method} {scope.Route.Template}", chain, scope.Notes);
    }

    /// <summary>What stages renew for all gates, those too that can't be compiled.</summary>
    public static void Shared(GatewayConfig config, StatePool state, Check check)
    {
        foreach (var feature in Features.Edge)
        {
            (feature.Stage as ISharedStage)?.CompileShared(config, state, check);
        }
    }

    /// <summary>The same where the configuration is not taken.</summary>
    public static void Keep(GatewayConfig config, Check check, StatePool state)
    {
        foreach (var feature in Features.Edge)
        {
            (feature.Stage as ISharedStage)?.KeepShared(config, check, state);
        }
    }

    /// <summary>The chain of requests that no route answers: observed like any other, then refused.</summary>
    public static RequestDelegate Unmatched(RouteScope scope) =>
        Features.Edge[0].Stage!.Compile(scope, static context => Answer.FailAsync(context, Exchange.Of(context).Failure, Exchange.Of(context).FailureReason, Exchange.Of(context).FailureReason));

    private static RequestDelegate? Backend(RouteScope scope)
    {
        RequestDelegate? found = null;
        var before = scope.Check.Problems.Count;
        var asked = new List<string>();
        foreach (var backend in Features.Backends)
        {
            if (backend.IsAskedFor(scope))
            {
                asked.Add(backend.Key);
                found = backend.Backend.Compile(scope);
            }
        }
        // A key that is there but unusable was told when it was read.
        var written = asked.Count > 0 || !Array.Exists(Features.Backends, b => scope.Route.Sections.Origin.Has(b.Key));
        if (asked.Count != 1 && written && scope.Check.Problems.Count == before)
        {
            string[] known = [.. Features.Backends.Where(b => !b.InCode).Select(b => $"'{b.Key}'")];
            var keys = $"{string.Join(", ", known[..^1])} or {known[^1]}";
            scope.Check.Error(scope.Route.Sections.Origin, asked.Count == 0
                ? $"the route has no answer; write {keys}"
                : $"a route has one answer, got {string.Join(" and ", asked.Select(a => $"'{a}'"))}; keep one");
        }
        if (asked is [var only])
        {
            WarnUnused(scope, only);
        }
        return found;
    }

    /// <summary>Warns of what a route says to a backend that it doesn't ask for: <c>meta</c> beside <c>to</c>.</summary>
    private static void WarnUnused(RouteScope scope, string asked)
    {
        // Code makes its calls by what is written for composed answers.
        foreach (var other in Features.Backends.Where(b => b.Key != asked && !(asked == "handler" && b.Key == "compose")))
        {
            if (scope.Route.Sections.Find(other.Options) is not { } written)
            {
                continue;
            }
            foreach (var property in Sections.Of(other.Options).Where(p => p.Key != other.Key && p.Info.GetValue(written) is { } value && !Equals(value, p.Default)))
            {
                scope.Check.Warn(written, property.Key, $"has no effect without '{other.Key}'; remove it");
            }
        }
    }

    private static Conditions? CompileConditions(RouteConfig route, Check check)
    {
        HostPattern? host = null;
        if (!WasRead(route))
        {
            return null;
        }
        if (route.When?.Host is { } text)
        {
            (host, var problem) = HostPattern.Parse(text);
            if (problem is not null)
            {
                check.Error(route.When, "host", problem);
                return null;
            }
        }
        return new Conditions(route.When, host);
    }

    /// <summary>Whether all of the route's conditions could be read; with fewer of them it would seem to tie with others.</summary>
    private static bool WasRead(RouteConfig route)
    {
        var at = route.Sections.Origin;
        return !(at.Has("when") && at.At("when").Broken)
            && (route.When is not { } when || Sound(when) && when.Header.Values.All(Sound) && when.Query.Values.All(Sound));

        static bool Sound(Options options) => options.Origin is not { } origin || !(origin.Broken || origin.Incomplete);
    }
}
