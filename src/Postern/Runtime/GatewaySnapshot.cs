using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Runtime;

/// <summary>Everything a request needs, resolved. Never changes; a request keeps the one it started on.</summary>
internal sealed class GatewaySnapshot(GatewayConfig config, IReadOnlyList<GateSnapshot> gates, CompiledEndpoint[] endpoints, RequestDelegate unmatched)
{
    // Hosts before paths: what an exact host names is meant more exactly than any path.
    private readonly GateSnapshot[] bySpecificity = [.. gates.OrderByDescending(g => g.Host?.Rank ?? -1).ThenByDescending(g => g.Prefix.Length)];
    private readonly bool hosts = gates.Any(g => g.Host is not null);

    public GatewayConfig Config { get; } = config;

    /// <summary>The gates in the order written.</summary>
    public IReadOnlyList<GateSnapshot> Gates { get; } = gates;

    /// <summary>What the host asked for, compiled with the gates and exchanged with them; null where it can't be.</summary>
    public IReadOnlyDictionary<string, object?> Parts { get; init; } = new Dictionary<string, object?>();

    /// <summary>The upstreams by name, as new calls take them.</summary>
    public IReadOnlyDictionary<string, UpstreamHandle> Upstreams { get; init; } = new Dictionary<string, UpstreamHandle>();

    /// <summary>Answers what no route answers, with the exchange's failure.</summary>
    public RequestDelegate Unmatched { get; } = unmatched;

    /// <summary>What no client may say, in whichever gate: an older one that still runs counts too.</summary>
    public ReservedFields Reserved { get; } = new(gates.SelectMany(g => g.Reserved));

    /// <summary>The chain that answers this request: an endpoint's, its route's, or <see cref="Unmatched"/>.</summary>
    public RequestDelegate Choose(HttpContext context, Exchange exchange)
    {
        if (Endpoint(exchange.Path) is { } endpoint)
        {
            exchange.Route = endpoint.Label;
            return endpoint.Chain;
        }
        if (Gate(context, exchange) is { } gate)
        {
            exchange.Gate = gate.Config.Name;
            if (gate.Table.Match(context, exchange) is { } route)
            {
                exchange.Route = route.Label;
                return route.Chain;
            }
        }
        exchange.Failure = exchange.Allow is null ? Failure.NotFound : Failure.MethodNotAllowed;
        return Unmatched;
    }

    /// <summary>The gateway's own endpoint at this path, if any: no gate can take it away.</summary>
    public CompiledEndpoint? Endpoint(string path)
    {
        foreach (var endpoint in endpoints)
        {
            if (endpoint.Path == path)
            {
                return endpoint;
            }
        }
        return null;
    }

    /// <summary>The gate this request belongs to, if any: a gate owns its prefix, so there is no second try in another.</summary>
    public GateSnapshot? Gate(HttpContext context, Exchange exchange)
    {
        var host = hosts ? HostPattern.NameOf(context.Request.Headers.Host) : default;
        foreach (var gate in bySpecificity)
        {
            if (gate.Takes(exchange.Path, out var length) && (gate.Host is null || gate.Host.Matches(host)))
            {
                exchange.PrefixLength = length;
                return gate;
            }
        }
        return null;
    }
}

/// <summary>One gate as it runs.</summary>
/// <param name="Config">What it was compiled from.</param>
/// <param name="Host">The hosts it answers to; null for any.</param>
/// <param name="Prefix">The literal segments its paths begin with, decoded.</param>
/// <param name="Table">Its routes.</param>
/// <param name="Upstreams">The upstreams its routes call.</param>
internal sealed record GateSnapshot(GateConfig Config, HostPattern? Host, string[] Prefix, RouteTable Table, IReadOnlyCollection<string> Upstreams)
{
    /// <summary>Counts the configurations this gate has run, from 1.</summary>
    public required int Version { get; init; }

    /// <summary>Since when this one runs.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>What this gate was compiled from, for telling whether anything changed.</summary>
    public required string Text { get; init; }

    /// <summary>State that its upstreams use, kept alive as long as the gate runs.</summary>
    public required IReadOnlyCollection<(string, string)> State { get; init; }

    /// <summary>Header fields that its upstreams believe to be the gateway's.</summary>
    public required IReadOnlyCollection<string> Reserved { get; init; }

    /// <summary>The path that is taken off, as written.</summary>
    public string Path => Config.Own.Match.Path ?? "/";

    /// <summary>Whether the path begins with the gate's whole segments; how much of it they are.</summary>
    public bool Takes(string path, out int length)
    {
        length = 0;
        foreach (var expected in Prefix)
        {
            var rest = path.AsSpan(length);
            if (rest.Length == 0)
            {
                return false;
            }
            var end = rest[1..].IndexOf('/');
            var segment = end < 0 ? rest[1..] : rest.Slice(1, end);
            if (!segment.SequenceEqual(expected) && !(segment.Contains('%') && Uri.UnescapeDataString(segment) == expected))
            {
                return false;
            }
            length += segment.Length + 1;
        }
        return true;
    }
}
