using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Transforms;

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
        if (targets.Length == 0)
        {
            return null;
        }
        var choice = new Targets(targets, options.Sticky is null ? null : new StickyKey(options.Sticky));
        var (request, response) = (HeaderRules.Compile(options.Headers?.Request), HeaderRules.Compile(options.Headers?.Response));
        Explain(scope, options, choice, request, response);
        return new ProxyRoute(choice, options.PreserveHost == true, options.Timeout, request, response).HandleAsync;
    }

    private static Target[] CompileTargets(RouteScope scope, ProxyOptions options)
    {
        var targets = new List<Target>();
        for (var i = 0; i < options.To!.Count; i++)
        {
            if (options.To[i].Url.Length == 0)
            {
                // It was told when it was read.
                continue;
            }
            var (target, error) = CompileTarget(scope, options.To[i]);
            if (error is not null)
            {
                scope.Check.Error(options.To[i], "url", error);
            }
            else if (target is not null && target.Weight > 0)
            {
                targets.Add(target);
            }
        }
        if (targets.Count == 0 && options.To.All(t => t.Weight == 0))
        {
            scope.Check.Error(options, "to", "every weight is 0, so nothing can be sent; give one target a weight");
        }
        if (options.Sticky is not null && options.To.Count == 1 && scope.Route.Sections.Written<ProxyOptions>().Sticky is not null)
        {
            scope.Check.Warn(options, "sticky", "has no effect with one target; remove it, or write a weighted list in 'to'");
        }
        return [.. targets];
    }

    private static (Target?, string?) CompileTarget(RouteScope scope, TargetOptions to)
    {
        const string Scheme = "http://";
        if (!to.Url.StartsWith(Scheme, StringComparison.Ordinal))
        {
            return (null, $"a URL begins with http:// and the name of an upstream, got '{to.Url}'; write http://NAME/path");
        }
        var slash = to.Url.AsSpan(Scheme.Length).IndexOfAny('/', '?');
        var name = slash < 0 ? to.Url[Scheme.Length..] : to.Url[Scheme.Length..(Scheme.Length + slash)];
        var path = slash < 0 ? "" : to.Url[(Scheme.Length + slash)..];
        if (path.AsSpan().ContainsAnyExceptInRange('!', '~') || path.Contains('#') || path.Contains('\\'))
        {
            return (null, $"a path is sent as it stands here, got '{path}'; percent-encode spaces, '#', '\\' and everything beyond ASCII");
        }
        if (name.IndexOfAny([':', '@']) >= 0 || name.Length == 0)
        {
            return (null, $"the name of an upstream stands behind http://, without a port, got '{to.Url}'; write http://NAME{path} and the address in the upstream's url");
        }
        if (scope.Upstream(name) is not { } upstream)
        {
            if (scope.Config.Root.Origin.At("upstreams").Broken)
            {
                return (null, null);
            }
            var defined = scope.Config.Upstreams.Select(u => u.Name).ToList();
            var hint = Nearest.Of(name, defined) is { } near ? $"; did you mean '{near}'?" : "; define it under upstreams";
            return (null, $"no upstream named '{name}'{hint} (defined: {(defined.Count == 0 ? "none" : string.Join(", ", defined))})");
        }
        var (url, error) = UrlTemplate.Parse(path, scope.Template.Parameters);
        return error is null ? (new Target(upstream, url!, to.Weight, to.Url), null) : (null, error);
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
        if (options.Timeout is { } timeout)
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
