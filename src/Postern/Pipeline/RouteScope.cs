using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;

namespace Postern.Pipeline;

/// <summary>What a stage or backend may know while one route is compiled.</summary>
public sealed class RouteScope
{
    private readonly Func<string, UpstreamHandle?> upstreams;
    private readonly List<StageNote> notes = [];
    private readonly List<object> exposed = [];
    private readonly List<(string Field, Options At, string Key, string Instead)> touched = [];

    internal RouteScope(GatewayConfig config, GateConfig gate, RouteConfig route, StatePool state, Check check, Func<string, UpstreamHandle?> upstreams)
    {
        (Config, Gate, Route, State, Check, this.upstreams) = (config, gate, route, state, check, upstreams);
        Template = Wire.PathTemplate.Parse(route.Template).Template ?? Wire.PathTemplate.Empty;
    }

    /// <summary>The whole configuration.</summary>
    public GatewayConfig Config { get; }

    /// <summary>The gate the route stands in.</summary>
    public GateConfig Gate { get; }

    /// <summary>The route.</summary>
    public RouteConfig Route { get; }

    /// <summary>Where errors go.</summary>
    public Check Check { get; }

    /// <summary>What outlives a reload.</summary>
    public StatePool State { get; }

    /// <summary>The gateway's own log, for what an operator must know; never for what each request does.</summary>
    public ILogger Logger { get; internal init; } = NullLogger.Instance;

    /// <summary>The route's template.</summary>
    internal Wire.PathTemplate Template { get; }

    /// <summary>The feature's options for this route: the route's own keys, else the gate's, else the defaults.</summary>
    public T Options<T>() where T : Options, new() => Sections.Effective<T>(Route.Sections, Gate.Sections);

    /// <summary>The upstream of that name, or null; whoever asks reports the error at the key that named it.</summary>
    public UpstreamHandle? Upstream(string name) => upstreams(name);

    /// <summary>Says, for <c>postern explain</c>, what a stage will do on this route.</summary>
    public void Note(string stage, string what) => notes.Add(new StageNote(stage, _ => what));

    /// <summary>The same, where it depends on the request that is explained.</summary>
    internal void Note(string stage, Func<HttpContext, string> what) => notes.Add(new StageNote(stage, what));

    internal IReadOnlyList<StageNote> Notes => notes;

    /// <summary>Shows live state of the route to whoever looks at the routes that run: the admin port.</summary>
    internal void Expose(object state) => exposed.Add(state);

    internal IReadOnlyList<object> Exposed => exposed;

    /// <summary>How logs and metrics call the route: <c>GET /web/products/{id}</c>.</summary>
    internal string Label => $"{(Route.Method == "*" ? "ANY" : Route.Method)} {(Gate.Own.Match.Path ?? "").TrimEnd('/')}{Route.Template}";

    /// <summary>What tells the route from all others of the gate, and is the same whenever it is compiled: <see cref="Label"/>, and what else it asks for.</summary>
    internal string Name => Route.When is { } when ? $"{Label} when {ConfigText.Fingerprint(when)[..8]}" : Label;

    /// <summary>What tells this configuration of the gate from any other.</summary>
    internal string GateText { get; init; } = "";

    /// <summary>How the route's targets share its requests; set by a backend that has targets.</summary>
    internal LiveWeights? Weights { get; set; }

    /// <summary>Makes a header field the gateway's own: from now on no client can send it, on any route of any gate.</summary>
    internal void Reserve(string field) => Reserved.Add(field);

    internal ISet<string> Reserved { get; init; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Says that the route reads this field of a request, or sets it: an error, if the field turns out to be the gateway's own.</summary>
    /// <param name="field">The field.</param>
    /// <param name="at">Where that is written.</param>
    /// <param name="key">The key there.</param>
    /// <param name="instead">What follows, and what to write instead.</param>
    internal void Touch(string field, Options at, string key, string instead) => touched.Add((field, at, key, instead));

    /// <summary>Reports what the route may not touch, once all of it is compiled.</summary>
    internal void CheckTouched()
    {
        foreach (var (field, at, key, instead) in touched)
        {
            if (Reserved.Contains(field))
            {
                Check.Error(at, key, $"'{field}' is the gateway's own word about the caller (forwardIdentity), {instead}");
            }
        }
    }

    /// <summary>Whom the route is for.</summary>
    public Callers Callers => Options<IdentityOptions>().Identity switch { null => Callers.Anyone, { Optional: true } => Callers.KnownOrNot, _ => Callers.Known };
}

/// <summary>One line of <c>postern explain</c>.</summary>
internal sealed record StageNote(string Stage, Func<HttpContext, string> What);

/// <summary>What a handler may know while one upstream is compiled.</summary>
public sealed class UpstreamScope
{
    private readonly List<(string Handler, string What)> notes = [];
    private readonly Dictionary<Type, object> parts = [];

    internal UpstreamScope(GatewayConfig config, UpstreamConfig upstream, StatePool state, Check check) =>
        (Config, Upstream, State, Check) = (config, upstream, state, check);

    /// <summary>The whole configuration.</summary>
    public GatewayConfig Config { get; }

    /// <summary>The upstream.</summary>
    public UpstreamConfig Upstream { get; }

    /// <summary>Where errors go.</summary>
    public Check Check { get; }

    /// <summary>What outlives a reload.</summary>
    public StatePool State { get; }

    /// <summary>Says, for <c>postern explain</c>, what a handler will do.</summary>
    public void Note(string handler, string what) => notes.Add((handler, what));

    internal IReadOnlyList<(string Handler, string What)> Notes => notes;

    /// <summary>Leaves something of the upstream with its handle, for those who call it; one of each type.</summary>
    internal void Leave(object part) => parts[part.GetType()] = part;

    internal IReadOnlyDictionary<Type, object> Parts => parts;

    /// <summary>Whether it is spoken to in HTTP/2; said by forwarding, which is compiled first.</summary>
    internal bool IsHttp2 { get; set; }

    /// <summary>The feature's options for this upstream, defaults filled in.</summary>
    public T Options<T>() where T : Options, new() => Sections.Effective<T>(Upstream.Sections, null);
}

/// <summary>An upstream as routes see it: a name and the chain that calls it.</summary>
/// <param name="Name">The upstream's name.</param>
/// <param name="Chain">Sends an <see cref="UpstreamCall"/>, or any <see cref="HttpRequestMessage"/>, through every handler.</param>
public sealed record UpstreamHandle(string Name, HttpMessageInvoker Chain)
{
    /// <summary>What <c>postern explain</c> says of the chain, outermost handler first.</summary>
    internal IReadOnlyList<(string Handler, string What)> Notes { get; init; } = [];

    /// <summary>The URLs of its destinations.</summary>
    internal IReadOnlyList<string> Urls { get; init; } = [];

    /// <summary>What features have left with it.</summary>
    internal IReadOnlyDictionary<Type, object> Parts { get; init; } = new Dictionary<Type, object>();

    /// <summary>What a feature has left with it; null where none has.</summary>
    internal T? Part<T>() where T : class => (T?)Parts.GetValueOrDefault(typeof(T));
}
