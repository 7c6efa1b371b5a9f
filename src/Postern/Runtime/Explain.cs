using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Config;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Runtime;

/// <summary>Says what would become of a request, without sending one: the very matching and choosing that requests go through.</summary>
internal static class Explain
{
    /// <summary>The answer in lines, and whether a route answers.</summary>
    public static (string Text, bool Answered) Request(GatewaySnapshot snapshot, string method, string host, string rawTarget, IEnumerable<(string Name, string Value)> headers, PathFaults allowed = PathFaults.None)
    {
        var context = new DefaultHttpContext();
        var exchange = new Exchange { ClientAddress = "127.0.0.1" };
        context.Features.Set(exchange);
        context.Request.Method = method;
        context.Request.Headers.Host = host;
        foreach (var (name, value) in headers)
        {
            if (name.Equals("Host", StringComparison.OrdinalIgnoreCase))
            {
                context.Request.Headers.Host = value;
            }
            else
            {
                context.Request.Headers.Append(name, value);
            }
        }
        context.Features.Get<IHttpRequestFeature>()!.RawTarget = rawTarget;
        var text = new StringBuilder().AppendLine($"{method} {rawTarget}");
        if (!RequestTarget.TrySplit(rawTarget, out var path, out var query))
        {
            return (text.AppendLine("refused  not a path; a request target begins with '/'").ToString(), false);
        }
        (exchange.Path, exchange.Query) = (path, query);
        context.Request.QueryString = new QueryString(query);
        if ((RequestTarget.Inspect(path, query) & ~allowed) is not PathFaults.None and var faults)
        {
            return (text.AppendLine($"refused  400 bad-path: {RequestTarget.Describe(faults)}").ToString(), false);
        }
        return (text.ToString() + Answer(snapshot, context, exchange, out var answered), answered);
    }

    private static string Answer(GatewaySnapshot snapshot, HttpContext context, Exchange exchange, out bool answered)
    {
        if (snapshot.Endpoint(exchange.Path) is { } endpoint)
        {
            answered = true;
            var own = new StringBuilder();
            Line(own, "endpoint", $"{endpoint.Label}, the gateway's own, before any gate");
            Lines(own, endpoint.Notes, context);
            return own.ToString();
        }
        answered = false;
        if (snapshot.Gate(context, exchange) is not { } gate)
        {
            var gates = snapshot.Gates.Select(g => $"  {g.Config.Name}  {g.Host?.Text}{g.Path}  {g.Config.Sections.Origin.Position}");
            return $"404 route-not-found: no gate answers; the gates are{Environment.NewLine}{string.Join(Environment.NewLine, gates)}{Environment.NewLine}";
        }
        var text = new StringBuilder();
        Line(text, "gate", $"{gate.Config.Name}{(gate.Config.Own.Owner is { } owner ? $", owned by {owner}" : "")}", gate.Config.Sections.Origin.Position);
        if (gate.Table.Match(context, exchange) is not { } route)
        {
            return text.Append(NoRoute(gate, context.Request.Method, exchange)).ToString();
        }
        answered = true;
        Line(text, "route", route.ToString(), route.Origin.Position);
        for (var i = 0; i < route.Template.Parameters.Count; i++)
        {
            Line(text, "", $"{route.Template.Parameters[i]} = {exchange.Path[exchange.Parameters[i]]}");
        }
        Lines(text, route.Notes, context);
        return text.ToString();
    }

    /// <summary>What the stages will do, in the order of the list, and then the backend.</summary>
    private static void Lines(StringBuilder text, IReadOnlyList<StageNote> notes, HttpContext context)
    {
        var order = Features.Edge.Select(e => e.Name).ToList();
        foreach (var note in notes.OrderBy(n => order.IndexOf(n.Stage) is >= 0 and var at ? at : order.Count))
        {
            Line(text, note.Stage, note.What(context));
        }
    }

    private static string NoRoute(GateSnapshot gate, string method, Exchange exchange)
    {
        if (exchange.Allow is not null)
        {
            return $"405 method-not-allowed: this path answers to {exchange.Allow}{Environment.NewLine}";
        }
        var path = exchange.Path[exchange.PrefixLength..];
        var nearest = gate.Table.Routes
            .Select(r => (Route: r, Distance: Distance(r.Template, path), Method: r.Answers(method) ? 0 : 1))
            .OrderBy(r => r.Distance).ThenBy(r => r.Method).Take(3).ToList();
        var text = new StringBuilder().AppendLine($"404 route-not-found: no route of gate '{gate.Config.Name}' answers; the nearest are");
        foreach (var (route, distance, _) in nearest)
        {
            text.AppendLine($"  {route}  {route.Origin.Position}{(distance == 0 && !route.Conditions.IsEmpty ? "  (its 'when' does not hold)" : "")}");
        }
        return text.ToString();
    }

    /// <summary>How many slips lead from the path to one that the template takes.</summary>
    private static int Distance(PathTemplate template, string path)
    {
        var (segments, parts) = (template.Segments, path.Split('/').Skip(1).ToArray());
        var slips = 0;
        for (var i = 0; i < Math.Max(segments.Count, parts.Length); i++)
        {
            if (i < segments.Count && segments[i].Kind == SegmentKind.Rest)
            {
                return slips;
            }
            slips += (i < segments.Count, i < parts.Length) switch
            {
                (true, true) when segments[i].Kind == SegmentKind.Literal => Nearest.Slips(segments[i].Text, parts[i]),
                (true, true) => segments[i].Kind == SegmentKind.Any && parts[i].Length > 0 ? 0 : 1,
                (true, false) => segments[i].Text.Length + 1,
                _ => parts[i].Length + 1,
            };
        }
        return slips;
    }

    private static void Line(StringBuilder text, string label, string what, string? place = null) =>
        text.AppendLine($"{label,-8} {what}{(string.IsNullOrEmpty(place) ? "" : $"  ({place})")}");
}
