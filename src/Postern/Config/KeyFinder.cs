namespace Postern.Config;

/// <summary>Knows the keys of every place of the language, so that a key in the wrong place is told where it belongs.</summary>
internal sealed class KeyFinder(Grammar grammar)
{
    public static readonly string[] Methods = ["get", "post", "put", "patch", "delete", "head", "options", "any"];

    /// <summary>A list this short is shown whole.</summary>
    private const int Few = 6;

    public IReadOnlyList<string> Root { get; } = [.. Keys(grammar.Root, _ => true), "upstreams", "gates"];

    public IReadOnlyList<string> Upstream { get; } = [.. Keys(grammar.Upstream, _ => true)];

    public IReadOnlyList<string> Gate { get; } =
        [.. Keys([typeof(GateOptions)], _ => true), "include", "routes", .. Keys(grammar.Route, p => !p.RouteOnly)];

    public IReadOnlyList<string> Route { get; } = [.. Methods, "when", .. Keys(grammar.Route, _ => true)];

    /// <summary>What to say of a key that isn't known here, and the key that was probably meant.</summary>
    public (string Message, string? Meant) Unknown(string key, IReadOnlyList<string> known, bool section)
    {
        if (section && Elsewhere(key, known) is { } place)
        {
            return ($"'{key}' doesn't stand here; it belongs to {place}", null);
        }
        if (section && Inside(key, known) is { } sectionKey)
        {
            return ($"'{key}' doesn't stand here; write it into {sectionKey}", null);
        }
        if (ReferenceEquals(known, Route) && key is "path" or "method" or "methods" or "uri")
        {
            return ($"a route's method and path are one key, got '{key}'; write get: /path", null);
        }
        if (known.Contains("each") && key is "to" or "url" or "uri" or "path" or "method")
        {
            return ($"a source's method and URL are one key, got '{key}'; write get: http://NAME/path", "get");
        }
        if (key.IndexOf(' ') is > 0 and var space && known.Contains(key[..space]))
        {
            return ($"a ':' is missing, got '{key}'; write '{key[..space]}: {key[space..].Trim()}'", key[..space]);
        }
        if (key.StartsWith('-') && known.Contains(key[1..]))
        {
            return ($"a space is missing behind '-', got '{key}'; write '- {key[1..]}'", key[1..]);
        }
        var (near, likely) = Nearest.Closest(key, known);
        var list = $"(known here: {string.Join(", ", known)})";
        return likely ? ($"unknown key '{key}'; did you mean '{near}'?{(known.Count <= Few ? " " + list : "")}", near)
            : !section && Route.Contains(key) && Elsewhere(key, known) is { } belongs ? ($"'{key}' doesn't stand here; it belongs to {belongs} {list}", null)
            : ($"unknown key '{key}'; the nearest is '{near}' {list}", null);
    }

    private string? Elsewhere(string key, IReadOnlyList<string> here)
    {
        var places = new[] { (Root, "the root of the main file"), (Upstream, "an upstream"), (Gate, "a gate"), (Route, "a route") };
        var found = places.Where(p => !ReferenceEquals(p.Item1, here) && p.Item1.Contains(key)).Select(p => p.Item2).ToList();
        return found.Count switch { 0 => null, 1 => found[0], _ => $"{string.Join(", ", found.SkipLast(1))} or {found[^1]}" };
    }

    /// <summary>The sections of this place that have the key: what <c>path</c> on a gate was meant for.</summary>
    private string? Inside(string key, IReadOnlyList<string> here)
    {
        IReadOnlyList<Type> types = ReferenceEquals(here, Root) ? grammar.Root : ReferenceEquals(here, Gate) ? [typeof(GateOptions), .. grammar.Route] : ReferenceEquals(here, Route) ? grammar.Route : [];
        var sections = types.SelectMany(Sections.Of).Where(p => here.Contains(p.Key)).Select(p => (p.Key, Type: Words.Bare(p.Type)));
        if (ReferenceEquals(here, Route))
        {
            sections = sections.Append(("when", typeof(WhenOptions)));
        }
        var found = sections.Where(s => (Words.ListOf(s.Type) ?? s.Type) is var type && Words.IsRecord(type) && Array.Exists(Sections.Of(type), p => p.Key == key)).Select(s => $"'{s.Key}'").ToList();
        return found.Count == 0 ? null : string.Join(" or ", found);
    }

    private static IEnumerable<string> Keys(IReadOnlyList<Type> types, Func<Sections.Property, bool> allowed) =>
        types.SelectMany(Sections.Of).Where(allowed).Select(p => p.Key);
}
