namespace Postern.Wire;

/// <summary>A host to match: exact, or <c>*.example.com</c> for one label or more in front. Case and port don't count.</summary>
internal sealed record HostPattern(string Text)
{
    private readonly string? suffix = Text.StartsWith("*.", StringComparison.Ordinal) ? Text[1..] : null;

    /// <summary>Larger is more specific: any exact name over any wildcard, a longer wildcard over a shorter.</summary>
    public int Rank => suffix is null ? int.MaxValue : suffix.Length;

    public bool Matches(ReadOnlySpan<char> host) => suffix is null
        ? host.Equals(Text, StringComparison.OrdinalIgnoreCase)
        : host.Length > suffix.Length && host.EndsWith(suffix, StringComparison.OrdinalIgnoreCase);

    /// <summary>The name in a <c>Host</c> field: without port, brackets kept, without the root's dot.</summary>
    public static ReadOnlySpan<char> NameOf(string? host)
    {
        var name = host.AsSpan();
        var colon = name.LastIndexOf(':');
        if (colon > name.LastIndexOf(']'))
        {
            name = name[..colon];
        }
        return name is [.., '.'] ? name[..^1] : name;
    }

    /// <summary>Reads a pattern; otherwise says what is wrong.</summary>
    public static (HostPattern?, string? Error) Parse(string text)
    {
        var name = text.StartsWith("*.", StringComparison.Ordinal) ? text[2..] : text;
        if (System.Net.IPAddress.TryParse(name, out var address) && address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 && !name.StartsWith('['))
        {
            return (null, $"an IPv6 address stands in brackets, got '{text}'; write [{name}]");
        }
        if (name.Contains(':') && !name.StartsWith('['))
        {
            return (null, $"a host has no port or scheme here, got '{text}'; write the name alone");
        }
        var valid = name.Length is > 0 and < 254 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' or '[' or ']' or ':');
        return valid ? (new HostPattern(text.TrimEnd('.')), null)
            : (null, $"not a host, got '{text}'; write api.example.com or *.example.com");
    }
}
