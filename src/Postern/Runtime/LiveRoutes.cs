using System.Text.Json;
using Microsoft.Extensions.Logging;
using Postern.Pipeline;

namespace Postern.Runtime;

/// <summary>The routes as they run, for the admin port: where each sends its requests, and weights that change live.</summary>
internal sealed partial class LiveRoutes(Func<IReadOnlyList<GateSnapshot>> gates, TimeProvider time, ILogger logger)
{
    /// <summary>Writes the property <c>routes</c> into an object that has begun: all gates in the order written.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartArray("routes"u8);
        foreach (var gate in gates())
        {
            foreach (var route in gate.Table.Routes)
            {
                Write(json, new FoundRoute(gate.Config.Name, route));
            }
        }
        json.WriteEndArray();
    }

    /// <summary>Writes one route, an object of its own.</summary>
    public static void Write(Utf8JsonWriter json, FoundRoute found)
    {
        var (gate, route) = found;
        json.WriteStartObject();
        json.WriteString("gate"u8, gate);
        json.WriteString("id"u8, route.Id);
        json.WriteString("route"u8, route.Label);
        if (!route.Conditions.IsEmpty)
        {
            json.WriteString("when"u8, route.Conditions.ToString());
        }
        json.WriteString("at"u8, route.Origin.Position);
        if (route.Weights is { } weights)
        {
            WriteTargets(json, weights);
            if (weights.Targets.Count > 1)
            {
                json.WriteString("weights"u8, $"/routes/{gate}/{route.Id}/weights");
            }
        }
        json.WriteEndObject();
    }

    /// <summary>
    /// The one route of a gate that is meant by its id, or by its method and path as in <c>GET /web/products/{id}</c> or
    /// <c>GET/web/products/{id}</c>; else why there is none.
    /// </summary>
    public (FoundRoute? Route, string? Problem) Find(string gate, string route)
    {
        if (gates().FirstOrDefault(g => g.Config.Name == gate) is not { } snapshot)
        {
            return (null, $"There is no gate '{gate}'; there are {string.Join(", ", gates().Select(g => g.Config.Name))}.");
        }
        var meant = route.Replace(" ", "");
        var found = snapshot.Table.Routes.Where(r => r.Id == route || r.Label.Replace(" ", "") == meant).ToList();
        return found switch
        {
            [var only] => (new FoundRoute(gate, only), null),
            [] => (null, $"Gate '{gate}' has no route '{route}'; GET /routes lists them with their ids."),
            _ => (null, $"Several routes of gate '{gate}' are '{route}', told apart by 'when'; name one by its id: {string.Join(", ", found.Select(r => $"{r.Id} ({r})"))}."),
        };
    }

    /// <summary>Sets weights of a route's targets until its gate's configuration changes. Returns why not, or null.</summary>
    public string? Weigh(FoundRoute found, IReadOnlyDictionary<string, int> weights)
    {
        if (found.Route.Weights is not { } live)
        {
            return "the route is answered by the gateway itself and has no targets";
        }
        if (live.Set(weights, time.GetUtcNow()) is { } problem)
        {
            return problem;
        }
        LogWeights(logger, found.Gate, found.Route.ToString(), string.Join(", ", live.Targets.Zip(live.Now.Weights, (t, w) => $"{t.Url} {w}")));
        return null;
    }

    private static void WriteTargets(Utf8JsonWriter json, LiveWeights weights)
    {
        var now = weights.Now;
        json.WriteStartArray("targets"u8);
        for (var i = 0; i < weights.Targets.Count; i++)
        {
            var target = weights.Targets[i];
            json.WriteStartObject();
            json.WriteString("to"u8, target.Url);
            json.WriteString("upstream"u8, target.Upstream);
            json.WriteNumber("weight"u8, now.Weights[i]);
            json.WriteNumber("written"u8, target.Written);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (now.Since is { } since)
        {
            json.WriteString("weightsSince"u8, since);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Weights of gate {Gate}, route {Route} set, until a reload changes the gate: {Weights}")]
    private static partial void LogWeights(ILogger logger, string gate, string route, string weights);
}

/// <summary>A route and the gate it stands in.</summary>
internal readonly record struct FoundRoute(string Gate, CompiledRoute Route);
