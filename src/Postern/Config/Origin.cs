namespace Postern.Config;

/// <summary>
/// Where a value was written: file, line, column and the path of keys that leads to it (<c>routes[0].to</c>).
/// A value from C# has the caller's file and line, and the path it would have in YAML.
/// </summary>
internal sealed record Origin(string? File, int Line, int Column, string Path)
{
    private Dictionary<string, Origin>? children;

    /// <summary>The nearest known place of <paramref name="key"/> under this one; dots and indices step down
    /// (<c>to[0].url</c>). A key that was not written gets this place and the longer path.</summary>
    public Origin At(string key)
    {
        var at = this;
        foreach (var step in key.Replace("[", ".[").Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            at = at.children is not null && at.children.TryGetValue(step, out var child)
                ? child
                : at with { Path = Join(at.Path, step), children = null };
        }
        return at;
    }

    /// <summary>Records where <paramref name="step"/> (a key, or <c>[2]</c>) was written.</summary>
    public Origin Add(string step, string? file, int line, int column)
    {
        var child = new Origin(file, line, column, Join(Path, step));
        (children ??= [])[step] = child;
        return child;
    }

    /// <summary>Moves what stands under a section's place to this one: an included file counts as written here.</summary>
    public void Adopt(string step, Origin child) => (children ??= [])[step] = child;

    public string Position => File is null ? "" : $"{File}:{Line}:{Column}";

    private static string Join(string path, string step) =>
        path.Length == 0 || step.StartsWith('[') ? path + step : $"{path}.{step}";
}
