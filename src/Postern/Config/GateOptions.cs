namespace Postern.Config;

/// <summary>What a gate says of itself.</summary>
public sealed record GateOptions : Options
{
    /// <summary>The team that owns the gate: shown in the admin API, never interpreted.</summary>
    public string? Owner { get; init; }

    /// <summary>Which requests are this gate's: by path prefix, by host, or both. Nothing written: all that no other gate takes.</summary>
    public MatchOptions Match { get; init; } = new();
}

/// <summary>Which requests belong to a gate.</summary>
public sealed record MatchOptions : Options
{
    /// <summary>A prefix of whole path segments, <c>/web</c>; it is taken off before the upstream is called. Default: <c>/</c>.</summary>
    public string? Path { get; init; }

    /// <summary>A host name without port, <c>api.example.com</c>, or <c>*.example.com</c> for one or more labels in front. Default: any host.</summary>
    public string? Host { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Path is not null && PathProblem(Path) is { } problem)
        {
            check.Error(this, "path", problem);
        }
        if (Host is not null && Address.HostProblem(Host) is { } hostProblem)
        {
            check.Error(this, "host", hostProblem);
        }
    }

    private static string? PathProblem(string path)
    {
        if (!path.StartsWith('/'))
        {
            return $"a path begins with '/', got '{path}'; write '/{path}'";
        }
        if (path.AsSpan().IndexOfAny("{}*?#\\") is >= 0 and var at)
        {
            return $"a prefix is plain text without '{path[at]}', got '{path}'; the rest belongs into the gate's routes";
        }
        if (path.Length > 1 && path.EndsWith('/'))
        {
            return $"a prefix ends with a segment, got '{path}'; write '{path.TrimEnd('/') switch { "" => "/", var rest => rest }}'";
        }
        return path.Split('/').Skip(1).Any(s => s is "." or ".." || (s.Length == 0 && path.Length > 1)) || path.Any(c => c <= ' ' || c == '\x7f')
            ? $"not a prefix of a path, got '{path}'; write it like '/web' or '/api/v1'" : null;
    }
}

/// <summary>What a request must carry, beside method and path, for a route to answer it. The route that asks for more wins.</summary>
public sealed record WhenOptions : Options
{
    /// <summary>Headers by name (any case): a plain value must be equal; <c>{ exists: true }</c>, <c>{ prefix: x }</c>.</summary>
    public IReadOnlyDictionary<string, ConditionOptions> Header { get; init; } = new Dictionary<string, ConditionOptions>();

    /// <summary>Query parameters by name (exact case), decoded once: a plain value must be equal; <c>{ exists: true }</c>, <c>{ prefix: x }</c>.</summary>
    public IReadOnlyDictionary<string, ConditionOptions> Query { get; init; } = new Dictionary<string, ConditionOptions>();

    /// <summary>The request's host, as in a gate's <c>match.host</c>.</summary>
    public string? Host { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Host is not null && Address.HostProblem(Host) is { } problem)
        {
            check.Error(this, "host", problem);
        }
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in Header.Keys)
        {
            if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c)))
            {
                check.Error(this, $"header.{name}", $"not a header name, got '{name}'; letters, digits and '-'");
            }
            else if (!names.Add(name))
            {
                check.Error(this, $"header.{name}", $"'{name}' is here already, in other letters; remove one");
            }
        }
    }
}

/// <summary>How one header or query parameter must look.</summary>
[Shorthand(nameof(Is))]
public sealed record ConditionOptions : Options
{
    /// <summary>The exact value.</summary>
    public string? Is { get; init; }

    /// <summary>True: it must be there, with any value. False: it must not.</summary>
    public bool? Exists { get; init; }

    /// <summary>What the value must begin with.</summary>
    public string? Prefix { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        var said = (Is is null ? 0 : 1) + (Exists is null ? 0 : 1) + (Prefix is null ? 0 : 1);
        if (said != 1)
        {
            check.Error(this, "", "a condition says one thing; write a value, { exists: true } or { prefix: x }");
        }
    }
}
