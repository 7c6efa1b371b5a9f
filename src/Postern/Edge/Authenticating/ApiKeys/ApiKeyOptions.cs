using Postern.Config;

namespace Postern.Edge.Authenticating.ApiKeys;

/// <summary>Keys given to callers. Where a key is sent: exactly one of <c>header</c> and <c>query</c>.</summary>
public sealed record ApiKeyOptions : Options
{
    /// <summary>The header field that carries the key.</summary>
    public string? Header { get; init; }

    /// <summary>The query parameter that carries the key. It stands in logs of others on the way; prefer a header.</summary>
    public string? Query { get; init; }

    /// <summary>The file of keys that <c>postern keys</c> writes; only hashes are in it.</summary>
    [Needed(Example = "keys.yaml"), FromFile] public KeyFileOptions? Keys { get; init; }
}

/// <summary>A file of API keys.</summary>
public sealed record KeyFileOptions : Options
{
    /// <summary>The keys, in the order made.</summary>
    public IReadOnlyList<KeyOptions> Keys { get; init; } = [];
}

/// <summary>One API key. The key itself is nowhere: it was shown once, when it was made.</summary>
public sealed record KeyOptions : Options
{
    /// <summary>Whose key it is: the consumer's id. Several keys may have one name, as while one replaces another.</summary>
    [Needed(Example = "acme")] public string? Name { get; init; }

    /// <summary>The key's SHA-256, in lower-case hexadecimal.</summary>
    [Needed(Example = "(64 hexadecimal digits)")] public string? Hash { get; init; }

    /// <summary>The key's last four characters, to tell keys apart.</summary>
    public string? Last4 { get; init; }

    /// <summary>The consumer's tier.</summary>
    public string? Tier { get; init; }

    /// <summary>What the consumer may do.</summary>
    [OneOrMany] public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>When it was made (RFC 3339).</summary>
    public string? Created { get; init; }

    /// <summary>When it ends (RFC 3339); never, where nothing is written.</summary>
    public string? Expires { get; init; }

    /// <summary>When it was revoked (RFC 3339); from then on it is refused.</summary>
    public string? Revoked { get; init; }
}
