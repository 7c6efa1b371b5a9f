using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Pipeline;
using Postern.Upstreams;
using Postern.Wire;

namespace Postern.Runtime;

/// <summary>
/// Turns a configuration into a snapshot. Opens nothing and starts nothing, so that <c>postern check</c> runs this very
/// code. Each gate compiles on its own: one with an error keeps what it last ran, the others take the new.
/// </summary>
internal sealed class GatewayCompiler(GatewayConfig config, Check check, StatePool state, TimeProvider time, ILogger logger, GatewaySnapshot? last)
{
    private readonly Dictionary<string, UpstreamHandle> upstreams = [];
    private readonly Dictionary<string, HashSet<(string, string)>> upstreamState = [];

    /// <summary>The new snapshot, or null where what all gates share is wrong. The caller commits or abandons the state.</summary>
    public GatewaySnapshot? Compile()
    {
        if (check.Failed(null))
        {
            return null;
        }
        CompileUpstreams();
        if (config.Gates.Count == 0)
        {
            check.Error(config.Root.Origin.At("gates"), "no gates, so nothing would be answered; define one under gates");
        }
        var unmatched = RouteCompiler.Unmatched(Scope(new GateConfig(""), new RouteConfig { Method = "*", Template = "/" }, []));
        if (check.Failed(null))
        {
            return null;
        }
        var gates = new List<GateSnapshot>();
        foreach (var gate in config.Gates)
        {
            check.Gate = gate.Name;
            var compiled = check.Failed(gate.Name) ? null : CompileGate(gate, gates);
            if (compiled is null || check.Failed(gate.Name))
            {
                compiled = LastGood(gate.Name);
            }
            if (compiled is not null)
            {
                gates.Add(compiled);
            }
            check.Gate = null;
        }
        return new GatewaySnapshot(config, gates, unmatched);
    }

    private void CompileUpstreams()
    {
        foreach (var upstream in config.Upstreams)
        {
            var keys = upstreamState[upstream.Name] = [];
            state.Record(keys);
            upstreams[upstream.Name] = UpstreamCompiler.Compile(new UpstreamScope(config, upstream, state, check));
            state.Record(null);
        }
    }

    private GateSnapshot? CompileGate(GateConfig gate, List<GateSnapshot> before)
    {
        var (host, prefix) = CompileMatch(gate, before);
        var used = new HashSet<string>();
        var table = new RouteTable();
        foreach (var route in gate.Routes)
        {
            if (RouteCompiler.Compile(Scope(gate, route, used)) is { } compiled && table.Add(compiled) is { } tie)
            {
                check.Error(route.Sections.Origin, $"answers the same requests as {tie.Origin.Position} {tie.Origin.Path} ({tie}); remove one, or tell them apart with 'when'");
            }
        }
        if (gate.Routes.Count == 0)
        {
            check.Warn(gate.Sections.Origin.At("routes"), "no routes, so every request gets 404; add one");
        }
        var previous = last?.Gates.FirstOrDefault(g => g.Config.Name == gate.Name);
        var text = ConfigText.Fingerprint(gate);
        var same = previous?.Text == text;
        return new GateSnapshot(gate, host, prefix, table, used)
        {
            Version = same ? previous!.Version : (previous?.Version ?? 0) + 1,
            Since = same ? previous!.Since : time.GetUtcNow(),
            Text = text,
            State = [.. used.SelectMany(u => upstreamState.GetValueOrDefault(u, []))],
        };
    }

    private (HostPattern?, string[]) CompileMatch(GateConfig gate, List<GateSnapshot> before)
    {
        var match = gate.Own.Match;
        HostPattern? host = null;
        if (match.Host is { } text)
        {
            (host, var problem) = HostPattern.Parse(text);
            if (problem is not null)
            {
                check.Error(match, "host", problem);
            }
        }
        var (prefix, error) = PathTemplate.Parse(match.Path is { Length: > 1 } path ? path.TrimEnd('/') : "/");
        if (error is not null || prefix!.Parameters.Count > 0)
        {
            check.Error(match, "path", error ?? $"a gate's prefix has no parameters, got '{match.Path}'; put them into its routes");
            return (host, []);
        }
        string[] segments = [.. prefix.Segments.Select(s => s.Text)];
        var tie = before.Find(g => g.Prefix.SequenceEqual(segments) && string.Equals(g.Host?.Text, host?.Text, StringComparison.OrdinalIgnoreCase));
        if (tie is not null)
        {
            var place = tie.Config.Sections.Origin.Position;
            check.Error(match, match.Path is null ? "host" : "path", $"gate '{tie.Config.Name}' ({place}) answers to the same path and host; give this gate its own");
        }
        return (host, segments);
    }

    private GateSnapshot? LastGood(string name)
    {
        var gate = last?.Gates.FirstOrDefault(g => g.Config.Name == name);
        if (gate is not null)
        {
            state.Retain(gate.State);
        }
        return gate;
    }

    private RouteScope Scope(GateConfig gate, RouteConfig route, HashSet<string> used) => new(config, gate, route, state, check, name =>
    {
        used.Add(name);
        return upstreams.GetValueOrDefault(name);
    })
    {
        Logger = logger,
    };
}
