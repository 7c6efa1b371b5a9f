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
    private readonly HashSet<string> unread = [];

    /// <summary>What the host wants compiled beside the gates.</summary>
    public HostParts Parts { get; init; } = new();

    /// <summary>
    /// The new snapshot, or null where what all gates share is wrong. Everything is compiled even then, so that every error
    /// is told at once. The caller commits or abandons the state.
    /// </summary>
    public GatewaySnapshot? Compile()
    {
        var read = !check.Failed(null);
        unread.UnionWith(config.Gates.Select(g => g.Name).Where(check.Failed));
        CompileUpstreams();
        if (config.Gates.Count == 0 && Parts.Count == 0 && read)
        {
            check.Error(config.Root.Origin.At("gates"), "no gates, so nothing would be answered; define one under gates");
        }
        var unmatched = RouteCompiler.Unmatched(Scope(new GateConfig(""), new RouteConfig { Method = "*", Template = "" }, [], []));
        var endpoints = RouteCompiler.Endpoints(path => Scope(new GateConfig(""), new RouteConfig { Method = "GET", Template = path }, [], []));
        RouteCompiler.Shared(config, state, check);
        var parts = Parts.ToDictionary(p => p.Key, p => p.Value(Scope(new GateConfig(""), new RouteConfig { Method = "*", Template = "" }, [], [])));
        var (gates, tried) = (new List<GateSnapshot>(), new List<GateSnapshot>());
        foreach (var gate in config.Gates)
        {
            check.Gate = gate.Name;
            GateSnapshot? compiled = CompileGate(gate, [.. tried, .. gates.Except(tried)]);
            tried.Add(compiled);
            if (check.Failed(gate.Name))
            {
                compiled = LastGood(gate.Name);
            }
            if (compiled is not null)
            {
                gates.Add(compiled);
            }
            check.Gate = null;
        }
        return check.Failed(null) ? null : new GatewaySnapshot(config, gates, endpoints, unmatched) { Parts = parts, Upstreams = upstreams };
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

    private GateSnapshot CompileGate(GateConfig gate, List<GateSnapshot> before)
    {
        var (host, prefix) = CompileMatch(gate, before);
        var (used, reserved) = (new HashSet<string>(), new HashSet<string>(StringComparer.OrdinalIgnoreCase));
        var table = new RouteTable();
        var own = new HashSet<(string, string)>();
        var text = ConfigText.Fingerprint(gate);
        state.Record(own);
        foreach (var route in gate.Routes)
        {
            if (RouteCompiler.Compile(Scope(gate, route, used, reserved, text)) is { } compiled && table.Add(compiled) is { } tie)
            {
                check.Error(route.Sections.Origin, compiled.Conditions.Same(tie.Conditions)
                    ? $"answers the same requests as {tie.Origin.Path} ({tie.Origin.Position}), got {compiled}; remove one, or tell them apart with 'when'"
                    : $"one request may fit this route and {tie.Origin.Path} ({tie.Origin.Position}), got {compiled} and {tie}; ask for one thing more in one of them, as in {{ exists: false }}");
            }
        }
        state.Record(null);
        if (gate.Routes.Count == 0 && !check.Failed(gate.Name))
        {
            check.Warn(gate.Sections.Origin.At("routes"), "no routes, so every request gets 404; add one");
        }
        var previous = last?.Gates.FirstOrDefault(g => g.Config.Name == gate.Name);
        var same = previous?.Text == text;
        return new GateSnapshot(gate, host, prefix, table, used)
        {
            Version = same ? previous!.Version : (previous?.Version ?? 0) + 1,
            Since = same ? previous!.Since : time.GetUtcNow(),
            Text = text,
            Reserved = reserved,
            State = [.. own, .. used.SelectMany(u => upstreamState.GetValueOrDefault(u, []))],
        };
    }

    private (HostPattern?, string[]) CompileMatch(GateConfig gate, List<GateSnapshot> before)
    {
        var match = gate.Own.Match;
        var told = new Check();
        match.Validate(told);
        if (told.Failed(null))
        {
            // It was said when the file was read.
            return (null, []);
        }
        HostPattern? host = null;
        if (match.Host is { } text)
        {
            (host, var problem) = HostPattern.Parse(text);
            if (problem is not null)
            {
                check.Error(match, "host", problem);
            }
        }
        var (prefix, error) = PathTemplate.Parse(match.Path is { Length: > 1 } path ? path : "/");
        if (error is not null)
        {
            check.Error(match, "path", error);
            return (host, []);
        }
        string[] segments = [.. prefix!.Segments.Select(s => s.Text)];
        if (before.Find(g => g.Prefix.SequenceEqual(segments) && string.Equals(g.Host?.Text, host?.Text, StringComparison.OrdinalIgnoreCase)) is { } tie)
        {
            Tie(gate, tie.Config);
        }
        return (host, segments);
    }

    private void Tie(GateConfig gate, GateConfig other)
    {
        var (match, place) = (gate.Own.Match, other.Sections.Origin.Position);
        var said = new[] { match.Path is null ? null : $"path {match.Path}", match.Host is null ? null : $"host {match.Host}" }.OfType<string>().ToList();
        if (said.Count == 0)
        {
            // A gate whose file can't be read says nothing; that was told.
            if (unread.Contains(gate.Name) || unread.Contains(other.Name))
            {
                return;
            }
            check.Error(gate.Sections.Origin.At("match"), $"needed, but not written: gate '{other.Name}' ({place}) takes every request already; add match: {{ path: /{gate.Name} }}");
            return;
        }
        check.Error(match, match.Path is null ? "host" : "path", $"gate '{other.Name}' ({place}) answers to this already, got {string.Join(" and ", said)}; give one of them its own");
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

    private RouteScope Scope(GateConfig gate, RouteConfig route, HashSet<string> used, HashSet<string> reserved, string text = "") => new(config, gate, route, state, check, name =>
    {
        used.Add(name);
        return upstreams.GetValueOrDefault(name);
    })
    {
        Logger = logger,
        Reserved = reserved,
        GateText = text,
    };
}
