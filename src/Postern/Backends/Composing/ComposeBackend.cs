using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms.FallingBack;

namespace Postern.Backends.Composing;

/// <summary>
/// One request in, several calls out, one answer back. Stands at the end of the edge chain; each call goes through the whole chain
/// of its upstream, as a proxied request does, and never through the edge again.
/// </summary>
internal sealed class ComposeBackend : IBackend
{
    public RequestDelegate? Compile(RouteScope scope)
    {
        var section = scope.Options<ComposeSection>();
        if (section.Compose is not { Count: > 0 } || CompositionPlan.Compile(scope, section) is not { } plan)
        {
            return null;
        }
        var fallback = CompileFallback(scope);
        scope.Note("compose", plan.Describe(section));
        if (plan.Trimmer is not null)
        {
            scope.Note("trim", plan.Trimmer.ToString());
        }
        if (plan.Rules.Request is { } request)
        {
            scope.Note("compose", $"request headers: {request}");
        }
        if (plan.Rules.Response is { } response)
        {
            scope.Note("compose", $"response headers: {response}");
        }
        if (fallback is not null)
        {
            scope.Note("fallback", context => fallback.Describe(Exchange.Of(context)));
        }
        foreach (var upstream in plan.Sources.Select(s => s.Upstream).Distinct())
        {
            scope.Note("upstream", string.Join(Environment.NewLine, [upstream.Name, .. upstream.Notes.Select(n => $"         {n.Handler}: {n.What}"), .. upstream.Urls.Select((u, i) => $"{(i == 0 ? "at" : "or"),-9}{u}")]));
        }
        return new ComposeRoute(scope, plan, fallback).HandleAsync;
    }

    /// <summary>Another URL's answer could be of any shape; a fixed one is what the author says.</summary>
    internal static Fallback? CompileFallback(RouteScope scope)
    {
        if (scope.Options<FallbackSection>().Fallback is { To: not null } options)
        {
            scope.Check.Error(options, "to", "a composed answer has no single upstream to stand in for; give its sources a fallback, or write body:");
            return null;
        }
        return Fallback.Compile(scope);
    }
}
