namespace Postern.Config;

/// <summary>
/// Where a value was written: file, line, column and the path of keys that leads to it (<c>routes[0].to</c>).
/// A value from C# has the caller's file and line, and the path it would have in YAML.
/// </summary>
internal sealed record Origin(string? File, int Line, int Column, string Path)
{
    private Dictionary<string, Origin>? children;

    /// <summary>A plain value as it was written, secrets filled in; null for mappings and lists.</summary>
    public string? Text { get; init; }

    /// <summary>Whether the value, or a part of it, came from <c>${env:…}</c> or <c>${file:…}</c>: it is never shown.</summary>
    public bool Secret { get; init; }

    /// <summary>Set once something was said against this value: what follows from the first mistake isn't reported.</summary>
    public bool Broken { get; set; }

    /// <summary>Set where a key of this mapping couldn't be read: that it says too little isn't reported then.</summary>
    public bool Incomplete { get; set; }

    /// <summary>The nearest known place of <paramref name="key"/> under this one; dots and indices step down
    /// (<c>to[0].url</c>). A key that was not written gets this place and the longer path.</summary>
    public Origin At(string key)
    {
        var at = this;
        for (var rest = key.AsSpan(); rest.Length > 0;)
        {
            if (rest[0] == '.')
            {
                rest = rest[1..];
                continue;
            }
            var child = at.LongestChild(rest, out var length);
            if (child is null)
            {
                length = Step(rest);
                child = at with { Path = Join(at.Path, rest[..length].ToString()), children = null, Text = null, Incomplete = false };
            }
            at = child;
            rest = rest[length..];
        }
        return at;
    }

    /// <summary>Whether <paramref name="step"/> was written here.</summary>
    public bool Has(string step) => children is not null && children.ContainsKey(step);

    /// <summary>Records where <paramref name="step"/> (a key, or <c>[2]</c>) was written.</summary>
    public Origin Add(string step, string? file, int line, int column) => Add(step, new Origin(file, line, column, Join(Path, step)));

    /// <summary>Records a plain value: where it was written, its text, and whether it is a secret.</summary>
    public Origin Add(string step, string? file, int line, int column, string text, bool secret) =>
        Add(step, new Origin(file, line, column, Join(Path, step)) { Text = text, Secret = secret });

    /// <summary>Moves what stands under a section's place to this one: an included file counts as written here.</summary>
    public void Adopt(string step, Origin child) => (children ??= [])[step] = child;

    /// <summary>A copy whose steps can be changed without changing these.</summary>
    public Origin Fork() => this with { children = children is null ? null : new(children) };

    public string Position => File is null ? "" : Line == 0 ? File : $"{File}:{Line}:{Column}";

    private Origin Add(string step, Origin child)
    {
        (children ??= [])[step] = child;
        return child;
    }

    /// <summary>A key may hold dots (a header, an upstream's name), so the longest one that fits is meant.</summary>
    private Origin? LongestChild(ReadOnlySpan<char> rest, out int length)
    {
        Origin? found = null;
        length = 0;
        foreach (var (step, child) in children ?? [])
        {
            var fits = step.Length > length && rest.StartsWith(step, StringComparison.Ordinal)
                && (rest.Length == step.Length || rest[step.Length] is '.' or '[');
            if (fits)
            {
                (found, length) = (child, step.Length);
            }
        }
        return found;
    }

    private static int Step(ReadOnlySpan<char> rest)
    {
        var end = rest[1..].IndexOfAny('.', '[');
        return end < 0 ? rest.Length : end + 1;
    }

    private static string Join(string path, string step) =>
        path.Length == 0 || step.StartsWith('[') ? path + step : $"{path}.{step}";
}
