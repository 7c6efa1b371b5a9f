using System.Runtime.CompilerServices;
using Postern.Config;

namespace Postern.Backends.Composing;

/// <summary>Composed answers in C#.</summary>
public static class ComposeExtensions
{
    /// <summary>Answers with what several calls gave: <c>.Compose(c => c.Source("user", s => s.Get("http://users/api/profile").Required()))</c>.</summary>
    public static RouteBuilder Compose(this RouteBuilder route, Action<CompositionBuilder> build)
    {
        var composition = new CompositionBuilder(route.Sections.Origin);
        build(composition);
        return route.Put([.. composition.Sources.Select(s => (s.Name, s.Options))]);
    }

    /// <summary>The same with the sources as records: <c>.Compose(("user", new SourceOptions { Get = "http://users/api/profile" }))</c>.</summary>
    public static RouteBuilder Compose(this RouteBuilder route, params (string Name, SourceOptions Source)[] sources) =>
        route.Put([.. sources.Select(s => (s.Name, s.Source with { Origin = s.Source.Origin ?? route.Sections.Origin.At($"compose.{s.Name}") }))]);

    /// <summary>The name under which a composed answer says how whole it is.</summary>
    public static T Meta<T>(this T at, string name = "_meta") where T : SectionBuilder => at.Composing("meta", o => o with { Meta = name });

    /// <summary>Composed answers don't say how whole they are, whatever the gate says.</summary>
    public static RouteBuilder MetaOff(this RouteBuilder route)
    {
        route.Sections.Off.Add("meta");
        route.Sections.Set<ComposeSection>(o => o with { Meta = null });
        return route;
    }

    /// <summary>What of the client's request goes on to sources: <c>authorization</c>, <c>cookies</c>, <c>query</c>, and names of header fields.</summary>
    public static T Forward<T>(this T at, params string[] what) where T : SectionBuilder => at.Composing("forward", o => o with { Forward = what });

    /// <summary>Whether a composed answer lists the time of each source.</summary>
    public static T ServerTiming<T>(this T at, bool list = true) where T : SectionBuilder => at.Composing("serverTiming", o => o with { ServerTiming = list });

    /// <summary>How many sources a route may have.</summary>
    public static T MaxSources<T>(this T at, int sources) where T : SectionBuilder => at.Composing("maxSources", o => o with { MaxSources = sources });

    private static T Composing<T>(this T at, string key, Func<ComposeSection, ComposeSection> change) where T : SectionBuilder
    {
        at.Sections.Off.Remove(key);
        at.Sections.Set(change);
        return at;
    }

    private static RouteBuilder Put(this RouteBuilder route, IReadOnlyList<(string Name, SourceOptions Options)> sources)
    {
        var map = new OrderedDictionary<string, SourceOptions>(sources.Count);
        foreach (var (name, options) in sources)
        {
            // The one written later is the one that holds.
            map[name] = options;
        }
        route.Sections.Set<ComposeSection>(o => o with { Compose = new ValueMap<SourceOptions>(map) });
        return route;
    }
}

/// <summary>Builds the sources of a composed answer.</summary>
public sealed class CompositionBuilder
{
    private readonly Origin at;

    internal CompositionBuilder(Origin at) => this.at = at;

    internal List<(string Name, SourceOptions Options)> Sources { get; } = [];

    /// <summary>Adds a source; the answer has its result under this name.</summary>
    public CompositionBuilder Source(string name, Func<SourceBuilder, SourceBuilder> build, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        var source = build(new SourceBuilder());
        Sources.Add((name, source.Options with { Origin = Place.Of(file, line, $"{at.Path}.compose.{name}") }));
        return this;
    }
}

/// <summary>Builds one source.</summary>
public sealed class SourceBuilder
{
    internal SourceBuilder() { }

    /// <summary>What was said so far.</summary>
    public SourceOptions Options { get; private set; } = new();

    /// <summary>Changes the record that YAML fills.</summary>
    public SourceBuilder Set(Func<SourceOptions, SourceOptions> change)
    {
        Options = change(Options);
        return this;
    }

    /// <summary>Asks with GET.</summary>
    public SourceBuilder Get(string url) => Set(o => o with { Get = url });

    /// <summary>Asks with POST.</summary>
    public SourceBuilder Post(string url, Inline? body = null) => Set(o => o with { Post = url, Body = body ?? o.Body });

    /// <summary>Asks with PUT.</summary>
    public SourceBuilder Put(string url, Inline? body = null) => Set(o => o with { Put = url, Body = body ?? o.Body });

    /// <summary>Asks with PATCH.</summary>
    public SourceBuilder Patch(string url, Inline? body = null) => Set(o => o with { Patch = url, Body = body ?? o.Body });

    /// <summary>Asks with DELETE.</summary>
    public SourceBuilder Delete(string url) => Set(o => o with { Delete = url });

    /// <summary>What is sent, as JSON; of a gRPC call the message.</summary>
    public SourceBuilder With(Inline value) => Set(o => o with { With = value });

    /// <summary>A header field that is sent; <c>{…}</c> in its value is an expression.</summary>
    public SourceBuilder Header(string name, string value) => Set(o => o with { Headers = new ValueMap<string>(new OrderedDictionary<string, string>(o.Headers) { [name] = value }) });

    /// <summary>How long it may take, from the call to the last byte.</summary>
    public SourceBuilder Timeout(TimeSpan timeout) => Set(o => o with { Timeout = timeout });

    /// <summary>The answer is nothing without it.</summary>
    public SourceBuilder Required(bool required = true) => Set(o => o with { Required = required });

    /// <summary>A value that stands in where it fails: <c>.Fallback(Inline.Json("[]"))</c>.</summary>
    public SourceBuilder Fallback(Inline value) => Set(o => o with { Fallback = value });

    /// <summary>An expression; where it is false the source is left out.</summary>
    public SourceBuilder When(string expression) => Set(o => o with { When = expression });

    /// <summary>Statuses that are success.</summary>
    public SourceBuilder Accept(params StatusRange[] statuses) => Set(o => o with { Accept = new ValueList<StatusRange>(statuses) });

    /// <summary>The value that a 404 stands for: <c>.Missing(Inline.Json("null"))</c>.</summary>
    public SourceBuilder Missing(Inline value) => Set(o => o with { Missing = value });

    /// <summary>What of the client's request goes on, instead of what the route says.</summary>
    public SourceBuilder Forward(params string[] what) => Set(o => o with { Forward = new ValueList<string>(what) });

    /// <summary>Calls it once for each value of a list, which <c>each</c> names in URL, fields and body.</summary>
    public SourceBuilder Each(string expression, int? limit = null, int? concurrency = null) => Set(o => o with { Each = expression, Limit = limit, Concurrency = concurrency });

    /// <summary>Calls it once for all values of a list; the answer's entries are put in order by a field.</summary>
    public SourceBuilder Batch(string each, string? by = null, int? limit = null) => Set(o => o with { Each = each, Batch = true, By = by, Limit = limit });

    /// <summary>The largest answer that is read.</summary>
    public SourceBuilder MaxBytes(ByteSize bytes) => Set(o => o with { MaxBytes = bytes });
}
