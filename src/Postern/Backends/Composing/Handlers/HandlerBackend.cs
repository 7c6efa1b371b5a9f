using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Postern.Config;
using Postern.Pipeline;
using Postern.Transforms.Shaping;

namespace Postern.Backends.Composing.Handlers;

/// <summary>
/// Code that answers a route. Stands at the end of the edge chain like any other backend, so who may call, limits and logs are the
/// gateway's; the delegate is bound by ASP.NET Core, and a <see cref="Composer"/> makes its calls like those of a composed route.
/// </summary>
internal sealed class HandlerBackend : IBackend
{
    public RequestDelegate? Compile(RouteScope scope)
    {
        if (scope.Options<HandlerSection>().Handler is not { } options)
        {
            return null;
        }
        CheckClients(scope, options);
        if (scope.Route.Sections.Written<ShapeSection>().Shape is not null)
        {
            scope.Check.Error(scope.Options<ShapeSection>(), "shape", "the code of this route gives its answer the shape; remove it, or write .Compose(…) instead of the code");
        }
        var services = scope.Config.Provided<IServiceProvider>();
        var json = new HandlerJson(services, options.Code.Method.ReturnType);
        if (json.Mistake() is { } mistake)
        {
            scope.Check.Error(options, "", $"{options.Name} {mistake}");
            return null;
        }
        var route = new HandlerRoute(scope, json, ComposeBackend.CompileFallback(scope));
        if (Bind(scope, options, services, route) is not { } bound)
        {
            return null;
        }
        route.Bound = bound;
        Explain(scope, options, route);
        return route.HandleAsync;
    }

    private static void Explain(RouteScope scope, HandlerOptions options, HandlerRoute route)
    {
        scope.Note("handler", $"{options.Name}, at most {route.MaxSources} sources, all within {Scalars.Format(route.Timeout)}, {new ByteSize(route.MaxBytes)} together");
        if (route.Trimmer is { } trimmer)
        {
            scope.Note("trim", trimmer.ToString());
        }
    }

    /// <summary>The delegate with its parameters filled from a request; null where an error was told.</summary>
    private static RequestDelegate? Bind(RouteScope scope, HandlerOptions options, IServiceProvider? services, HandlerRoute route)
    {
        var endpoint = new RouteEndpointBuilder(null, RoutePatternFactory.Parse("/"), 0) { ApplicationServices = services ?? NoServices.Instance };
        endpoint.FilterFactories.Add((_, next) => invocation => route.InvokeAsync(invocation, next));
        try
        {
            return RequestDelegateFactory.Create(options.Code, new RequestDelegateFactoryOptions
            {
                ServiceProvider = endpoint.ApplicationServices,
                RouteParameterNames = scope.Template.Parameters,
                // What a request lacks is told as every failure is.
                ThrowOnBadRequest = true,
                DisableInferBodyFromParameters = scope.Route.Method is not ("POST" or "PUT" or "PATCH"),
                EndpointBuilder = endpoint,
            }).RequestDelegate;
        }
        catch (Exception e) when (e is InvalidOperationException or NotSupportedException or ArgumentException)
        {
            scope.Check.Error(options, "", Unbound(e.Message, options));
            return null;
        }
    }

    /// <summary>What of the delegate can't be filled from a request.</summary>
    private static string Unbound(string message, HandlerOptions options)
    {
        var lines = message.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        // Its table of parameters says of which it knows nothing: "thing | Body (Inferred)".
        var unknown = lines.Select(l => l.Split('|', StringSplitOptions.TrimEntries)).Where(p => p is [_, "Body (Inferred)" or "UNKNOWN"]).Select(p => p[0]).ToHashSet();
        var named = options.Code.Method.GetParameters().Where(p => unknown.Contains(p.Name ?? "")).Select(p => $"{p.ParameterType.Name} {p.Name}").ToList();
        return named.Count > 0
            ? $"nothing of a request fills {string.Join(", ", named)} of {options.Name}; register a service of that type, or take the body by [FromBody]"
            : $"{options.Name} can't be called for a request: {lines[0]}";
    }

    /// <summary>Whether every upstream whose client the delegate takes is there.</summary>
    private static void CheckClients(RouteScope scope, HandlerOptions options)
    {
        var defined = scope.Config.Upstreams.Select(u => u.Name).ToList();
        foreach (var parameter in options.Code.Method.GetParameters().Where(p => p.ParameterType == typeof(HttpClient)))
        {
            if (parameter.GetCustomAttributes(typeof(FromKeyedServicesAttribute), false) is [FromKeyedServicesAttribute { Key: string name }] && scope.Upstream(name) is null)
            {
                var near = Nearest.Of(name, defined) is { } meant ? $"; did you mean '{meant}'?" : "; define it under upstreams";
                scope.Check.Error(options, "", $"no upstream named '{name}' for the client '{parameter.Name}'{near} (defined: {(defined.Count == 0 ? "none" : string.Join(", ", defined))})");
            }
        }
    }

    private sealed class NoServices : IServiceProvider
    {
        public static NoServices Instance { get; } = new();

        public object? GetService(Type serviceType) => null;
    }
}
