namespace Postern.Config.Yaml;

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
        var near = Nearest.Of(key, known);
        var list = $"(known here: {string.Join(", ", known)})";
        return near is null ? ($"unknown key '{key}'; remove it or take another {list}", null)
            : ($"unknown key '{key}'; did you mean '{near}'?{(known.Count <= Few ? " " + list : "")}", near);
    }

    private string? Elsewhere(string key, IReadOnlyList<string> here)
    {
        foreach (var (keys, place) in new[]
        {
            (Route, "a route: an entry of routes"), (Gate, "a gate: gates.NAME"),
            (Upstream, "an upstream: upstreams.NAME"), (Root, "the root of the main file"),
        })
        {
            if (!ReferenceEquals(keys, here) && keys.Contains(key))
            {
                return place;
            }
        }
        return null;
    }

    private static IEnumerable<string> Keys(IReadOnlyList<Type> types, Func<Sections.Property, bool> allowed) =>
        types.SelectMany(Sections.Of).Where(allowed).Select(p => p.Key);
}
