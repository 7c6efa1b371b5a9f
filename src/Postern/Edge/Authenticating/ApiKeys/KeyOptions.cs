using System.Buffers;
using Postern.Config;

namespace Postern.Edge.Authenticating.ApiKeys;

/// <summary>One API key. The key itself is nowhere: it was shown once, when it was made.</summary>
[Secret]
public sealed record KeyOptions : Options
{
    private const int LongestName = 128;

    /// <summary>RFC 6749 §3.3: what a scope is made of.</summary>
    private static readonly SearchValues<char> ScopeChars =
        SearchValues.Create([.. Enumerable.Range('!', '~' - '!' + 1).Select(c => (char)c).Where(c => c is not ('"' or '\\'))]);

    /// <summary>Whose key it is: the consumer's id. Several keys may have one name, as while one replaces another.</summary>
    [Needed(Example = "acme")] public string? Name { get; init; }

    /// <summary>The key's SHA-256: 64 lower-case hexadecimal digits.</summary>
    [Needed(Example = "(64 hexadecimal digits)")] public string? Hash { get; init; }

    /// <summary>The key's last four characters, to tell keys apart.</summary>
    public string? Last4 { get; init; }

    /// <summary>The consumer's tier.</summary>
    public string? Tier { get; init; }

    /// <summary>What the consumer may do.</summary>
    [OneOrMany] public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>When it was made (RFC 3339).</summary>
    public string? Created { get; init; }

    /// <summary>When it ends (RFC 3339); from then on it is refused. Never, where nothing is written.</summary>
    public string? Expires { get; init; }

    /// <summary>When it was revoked (RFC 3339). A key with this is refused, whatever the time: clocks differ.</summary>
    public string? Revoked { get; init; }

    /// <summary>The entry of a key that code knows, as a test does; only its hash is kept.</summary>
    /// <param name="name">Whose key it is.</param>
    /// <param name="key">The key.</param>
    public static KeyOptions For(string name, string key) =>
        new() { Name = name, Hash = Digest.Of(key).ToString(), Last4 = key.Length > 4 ? key[^4..] : null };

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Name is { Length: > 0 } && NameFault(Name) is { } fault)
        {
            check.Error(this, "name", fault);
        }
        // What stands here may be a key that someone took for its hash, so it is never shown.
        if (Hash is { Length: > 0 } && (Hash.Length != 64 || Hash.AsSpan().ContainsAnyExcept("0123456789abcdef")))
        {
            check.Error(this, "hash", $"64 lower-case hexadecimal digits are needed, the SHA-256 of a key, got {Hash.Length} characters; make keys with: postern keys create");
        }
        if (Last4?.Length > 4)
        {
            check.Error(this, "last4", $"the last four characters of a key, no more, got {Last4.Length}; a key itself stands nowhere");
        }
        if (Tier is not null && TierFault(Tier) is { } bad)
        {
            check.Error(this, "tier", bad);
        }
        for (var i = 0; i < Scopes?.Count; i++)
        {
            if (ScopeFault(Scopes[i]) is { } odd)
            {
                check.Error(this, $"scopes[{i}]", odd);
            }
        }
        Time(check, "created", Created);
        Time(check, "expires", Expires);
        Time(check, "revoked", Revoked);
    }

    /// <summary>Why this can't be whose key it is; null where it can.</summary>
    internal static string? NameFault(string name) =>
        name.Length is 0 or > LongestName ? $"a name of 1 to {LongestName} characters is needed, got {name.Length}; shorten it"
        : name.Any(char.IsControl) ? "a name has no control characters; remove them"
        : name.Trim() != name ? $"a name neither begins nor ends with a space, got '{name}'; remove it"
        : null;

    /// <summary>Why this can't be a tier; null where it can.</summary>
    internal static string? TierFault(string tier) =>
        tier.Length is 0 or > LongestName || tier.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)) ? "a word is needed; write partner" : null;

    /// <summary>Why this can't be a scope; null where it can.</summary>
    internal static string? ScopeFault(string scope) =>
        scope.Length == 0 || scope.AsSpan().ContainsAnyExcept(ScopeChars) ? $"a scope is one word of ASCII without quotes and backslashes, got '{scope}'; write a list of them" : null;

    /// <summary>Whether two entries say the same. A list made here and one that was read are not equal; what they hold is.</summary>
    internal static bool Same(KeyOptions a, KeyOptions b) =>
        a with { Scopes = null } == b with { Scopes = null } && (a.Scopes ?? []).SequenceEqual(b.Scopes ?? []);

    private void Time(Check check, string key, string? text)
    {
        if (text is not null && !Rfc3339.TryParse(text, out _))
        {
            check.Error(this, key, $"a date, a time and an offset are needed (RFC 3339), got '{text}'; write 2027-01-01T00:00:00Z");
        }
    }
}
