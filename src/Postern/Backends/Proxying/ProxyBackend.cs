using Microsoft.AspNetCore.Http;
using Postern.Backends.Proxying.Mirroring;
using Postern.Backends.Proxying.Reworking;
using Postern.Config;
using Postern.Pipeline;
using Postern.Transforms;
using Postern.Transforms.FallingBack;

namespace Postern.Backends.Proxying;

/// <summary>
/// One request in, one call out, the answer streamed back. Stands at the end of the edge chain; everything about it that
/// can be known beforehand is found here, once per route.
/// </summary>
internal sealed class ProxyBackend : IBackend
{
    public RequestDelegate? Compile(RouteScope scope)
    {
        var options = scope.Options<ProxyOptions>();
        if (options.To is null)
        {
            return null;
        }
        var targets = CompileTargets(scope, options);
        var (standby, shadow) = (CompileStandby(scope), CompileShadow(scope, options));
        if (targets.Length == 0)
        {
            return null;
        }
        scope.Weights = LiveWeights.Of(scope, [.. targets.Select(t => t.Weighed)]);
        var choice = new Targets(targets, KeyedBy.Of(options.Sticky) is { } by ? new StickyKey(by) : null, scope.Weights);
        var (request, response) = HeaderRules.Compile(scope);
        var fallback = Fallback.Compile(scope);
        Explain(scope, options, choice, request, response);
        if (fallback is not null)
        {
            scope.Note("fallback", context => fallback.Describe(Exchange.Of(context)));
        }
        var rework = Rework.Compile(scope);
        return new ProxyRoute(choice, options.PreserveHost == true, scope.Options<TimeoutSection>().Timeout, request, response)
        {
            Fallback = fallback,
            Standby = standby is null ? null : new ProxyRoute(new Targets([standby], null), options.PreserveHost == true, null, request, response) { Rework = rework },
            Mirror = shadow is null ? null : new Mirror(scope, options.Mirror!, shadow),
            Rework = rework,
        }.HandleAsync;
    }

    /// <summary>Whom the fallback asks; null where it asks nobody.</summary>
    private static Target? CompileStandby(RouteScope scope) =>
        scope.Options<FallbackSection>().Fallback is { To: { } to } options ? CompileBeside(scope, options, to) : null;

    /// <summary>Who gets copies; null for nobody.</summary>
    private static Target? CompileShadow(RouteScope scope, ProxyOptions options) =>
        options.Mirror is { To.Length: > 0 } mirror ? CompileBeside(scope, mirror, mirror.To) : null;

    private static Target? CompileBeside(RouteScope scope, Options at, string to)
    {
        if (scope.Config.Root.Origin.At("upstreams").Broken)
        {
            return null;
        }
        var (target, error) = CompileTarget(scope, new TargetOptions { Url = to });
        if (error is not null)
        {
            scope.Check.Error(at, "to", error);
        }
        return target;
    }

    private static Target[] CompileTargets(RouteScope scope, ProxyOptions options)
    {
        var targets = new List<Target>();
        var unread = scope.Config.Root.Origin.At("upstreams").Broken;
        for (var i = 0; i < options.To!.Count; i++)
        {
            if (unread || options.To[i].Url.Length == 0)
            {
                // It was told when it was read.
                continue;
            }
            var (target, error) = CompileTarget(scope, options.To[i]);
            if (error is not null)
            {
                scope.Check.Error(options.To[i], "url", error);
            }
            else if (target is not null)
            {
                targets.Add(target);
            }
        }
        if (options.To.All(t => t.Weight == 0))
        {
            targets.Clear();
            scope.Check.Error(options, "to", "every weight is 0, so nothing can be sent; give one target a weight");
        }
        if (options.Sticky is not null && options.To.Count == 1 && scope.Route.Sections.Written<ProxyOptions>().Sticky is not null)
        {
            scope.Check.Warn(options, "sticky", "has no effect with one target; remove it, or write a weighted list in 'to'");
        }
        if (KeyedBy.Of(options.Sticky) is { } by && options.To.Count > 1)
        {
            CheckSticky(scope, options, by);
        }
        return [.. targets];
    }

    /// <summary>Whether what the route is sticky by can be there.</summary>
    private static void CheckSticky(RouteScope scope, ProxyOptions options, KeyedBy by)
    {
        if (by.Kind == KeyKind.Header)
        {
            scope.Touch(by.Name, options, "sticky", "no request of a client has it; write sticky: consumer");
        }
        else if (by.Kind == KeyKind.Consumer && scope.Callers == Callers.Anyone && (scope.Route.Sections.Off.Contains("identity") || scope.Gate.Sections.Off.Contains("identity")))
        {
            scope.Check.Error(options, "sticky", "no caller is known where identity is off, got 'consumer'; write sticky: ip, or say who may call");
        }
    }

    private static (Target?, string?) CompileTarget(RouteScope scope, TargetOptions to)
    {
        var (upstream, path, wrong) = UpstreamUrl.Parse(scope, to.Url);
        // What the path holds is told first: it may be why the name is none.
        if (to.Url.StartsWith(UpstreamUrl.Scheme, StringComparison.Ordinal) && UpstreamUrl.Mistake(path) is { } mistake)
        {
            return (null, mistake);
        }
        if (upstream is null)
        {
            return (null, wrong);
        }
        var (template, error) = UrlTemplate.Parse(path, scope.Template.Parameters);
        // Of a path that couldn't be read, no parameters are known.
        return error is null ? (new Target(upstream, template!, to.Weight, to.Url), null)
            : (null, ReferenceEquals(scope.Template, Wire.PathTemplate.Empty) ? null : error);
    }

    private static void Explain(RouteScope scope, ProxyOptions options, Targets choice, HeaderRules? request, HeaderRules? response)
    {
        if (options.To!.Count > 1)
        {
            var sides = options.To.Select(t => $"{t.Url} (weight {t.Weight})");
            scope.Note("proxy", $"one of {string.Join(", ", sides)}{(options.Sticky is null ? "" : $", sticky by {options.Sticky}")}");
        }
        if (request is not null)
        {
            scope.Note("proxy", $"request headers: {request}");
        }
        if (response is not null)
        {
            scope.Note("proxy", $"response headers: {response}");
        }
        if (options.Mirror is { } mirror)
        {
            scope.Note("proxy", $"{mirror.Sample} copied to {mirror.To}, {mirror.MaxConcurrent} at once, bodies to {mirror.MaxBody}");
        }
        if (scope.Options<TimeoutSection>().Timeout is { } timeout)
        {
            scope.Note("proxy", $"timeout {Scalars.Format(timeout)}, whatever the upstream's");
        }
        if (options.PreserveHost == true)
        {
            scope.Note("proxy", "the client's Host is sent on");
        }
        scope.Note("upstream", context => string.Join(
            Environment.NewLine + "upstream ",
            choice.Possible(context, Exchange.Of(context)).Select(t => Explain(context, t.Target, t.Share))));
    }

    /// <summary>One target as this request would meet it: the upstream's chain, and what each destination would be sent.</summary>
    private static string Explain(HttpContext context, Target target, double share)
    {
        var lines = new List<string> { target.Upstream.Name + (share < 1 ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $", {share * 100:0.##}% of requests") : "") };
        lines.AddRange(target.Upstream.Notes.Select(n => $"         {n.Handler}: {n.What}"));
        lines.AddRange(target.Upstream.Urls.Select((url, i) =>
            $"{(i == 0 ? "sends" : "or"),-9}{context.Request.Method} {url.TrimEnd('/')}{target.Url.Fill(Exchange.Of(context))}"));
        return string.Join(Environment.NewLine, lines);
    }
}
