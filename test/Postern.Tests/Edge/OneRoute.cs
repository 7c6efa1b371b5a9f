using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;
using Postern.Config;
using Postern.Pipeline;

namespace Postern.Tests.Edge;

/// <summary>A gate with one route, on which a stage can be compiled and called without a server.</summary>
internal sealed class OneRoute
{
    public OneRoute(string method = "GET", string template = "/things/{id}", string gate = "web", string? prefix = "/web")
    {
        Gate = new GateConfig(gate) { Own = new GateOptions { Match = new MatchOptions { Path = prefix } } };
        Route = new RouteConfig { Method = method, Template = template };
        Gate.Routes.Add(Route);
        Config.Gates.Add(Gate);
    }

    public GatewayConfig Config { get; } = new();

    public GateConfig Gate { get; }

    public RouteConfig Route { get; }

    public StatePool State { get; } = new();

    public ILogger Logger { get; set; } = NullLogger.Instance;

    public RouteScope Scope() => new(Config, Gate, Route, State, new Check(), _ => null) { Logger = Logger };

    public RequestDelegate Compile(IStage stage, RequestDelegate next) => stage.Compile(Scope(), next);

    /// <summary>A request as the gateway hands it to the chain; its answer's body is kept.</summary>
    public static DefaultHttpContext Request(string method = "GET", string path = "/web/things/7", params (string Name, string[] Values)[] headers)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = method;
        context.Request.Protocol = "HTTP/1.1";
        context.Request.Scheme = "http";
        context.Request.Path = path;
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(new MemoryStream()));
        context.Features.Set(new Exchange { Path = path, Gate = "web", Route = "GET /things/{id}" });
        foreach (var (name, values) in headers)
        {
            ((IDictionary<string, StringValues>)context.Request.Headers).Add(name, values);
        }
        return context;
    }

    /// <summary>What was answered.</summary>
    public static string Body(HttpContext context) =>
        Encoding.UTF8.GetString(((MemoryStream)context.Features.Get<IHttpResponseBodyFeature>()!.Stream).ToArray());
}
