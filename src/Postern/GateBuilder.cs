using System.Runtime.CompilerServices;
using Postern.Config;

namespace Postern;

/// <summary>What a gate and a route have in common: sections that features fill.</summary>
public abstract class SectionBuilder
{
    private protected SectionBuilder(SectionSet sections) => Sections = sections;

    /// <summary>What was said so far, by feature.</summary>
    public SectionSet Sections { get; }
}

/// <summary>Builds a gate: what it answers to, what holds for all its routes, and the routes.</summary>
public sealed class GateBuilder : SectionBuilder
{
    private readonly GateConfig gate;

    internal GateBuilder(GateConfig gate) : base(gate.Sections) => this.gate = gate;

    /// <summary>Which requests are this gate's.</summary>
    public GateBuilder Match(string? path = null, string? host = null)
    {
        gate.Own = gate.Own with { Match = new MatchOptions { Path = path, Host = host, Origin = gate.Sections.Origin.At("match") } };
        return this;
    }

    /// <summary>The team that owns the gate.</summary>
    public GateBuilder Owner(string team)
    {
        gate.Own = gate.Own with { Owner = team };
        return this;
    }

    /// <summary>Answers GET and HEAD on a path.</summary>
    public RouteBuilder Get(string template, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Map("GET", template, file, line);

    /// <summary>Answers POST on a path.</summary>
    public RouteBuilder Post(string template, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Map("POST", template, file, line);

    /// <summary>Answers PUT on a path.</summary>
    public RouteBuilder Put(string template, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Map("PUT", template, file, line);

    /// <summary>Answers PATCH on a path.</summary>
    public RouteBuilder Patch(string template, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Map("PATCH", template, file, line);

    /// <summary>Answers DELETE on a path.</summary>
    public RouteBuilder Delete(string template, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Map("DELETE", template, file, line);

    /// <summary>Answers HEAD on a path, before a GET route would.</summary>
    public RouteBuilder Head(string template, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Map("HEAD", template, file, line);

    /// <summary>Answers OPTIONS on a path.</summary>
    public RouteBuilder Options(string template, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Map("OPTIONS", template, file, line);

    /// <summary>Answers every method on a path that has no route of its own.</summary>
    public RouteBuilder Any(string template, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Map("*", template, file, line);

    private RouteBuilder Map(string method, string template, string file, int line)
    {
        var route = new RouteConfig { Method = method, Template = template };
        route.Sections.Origin = Place.Of(file, line, $"gates.{gate.Name}.routes[{gate.Routes.Count}]");
        gate.Routes.Add(route);
        return new RouteBuilder(route);
    }
}

/// <summary>Builds one route.</summary>
public sealed class RouteBuilder : SectionBuilder
{
    private readonly RouteConfig route;

    internal RouteBuilder(RouteConfig route) : base(route.Sections) => this.route = route;

    /// <summary>What else the request must carry.</summary>
    public RouteBuilder When(Func<WhenOptions, WhenOptions> change)
    {
        route.When = change(route.When ?? new WhenOptions { Origin = route.Sections.Origin.At("when") });
        return this;
    }
}
