using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms;
using Postern.Transforms.FallingBack;
using Postern.Transforms.Shaping;
using Postern.Transforms.Trimming;

namespace Postern.Backends.Responding;

/// <summary>A fixed answer: a redirect, a maintenance page, a robots.txt. Calls no upstream.</summary>
internal sealed class RespondBackend : IBackend
{
    public RequestDelegate? Compile(RouteScope scope)
    {
        if (scope.Options<RespondSection>().Respond is not { } options)
        {
            return null;
        }
        var answer = FixedAnswer.Compile(scope, options, options.Status, options.Headers, options.Body?.ToString());
        if (scope.Route.Sections.Written<FallbackSection>().Fallback is not null)
        {
            scope.Check.Warn(scope.Options<FallbackSection>(), "fallback", "has no effect where no upstream is called; remove it");
        }
        if (scope.Route.Sections.Written<ShapeSection>().Shape is not null)
        {
            scope.Check.Warn(scope.Options<ShapeSection>(), "shape", "has no effect where no upstream is called; remove it");
        }
        Trimmer.WarnUnused(scope);
        var (_, rules) = HeaderRules.Compile(scope);
        scope.Note("respond", context => answer.Describe(Exchange.Of(context)));
        if (rules is not null)
        {
            scope.Note("respond", $"response headers: {rules}");
        }
        return context => answer.WriteAsync(context, rules);
    }
}
