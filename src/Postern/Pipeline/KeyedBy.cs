using Postern.Config;
using Postern.Wire;

namespace Postern.Pipeline;

/// <summary>What callers are told apart by where the same one shall meet the same side or destination again: <c>consumer</c>, <c>ip</c>, <c>header:NAME</c>, <c>cookie:NAME</c>.</summary>
/// <param name="Kind">What is looked at.</param>
/// <param name="Name">The header's or cookie's name; else empty.</param>
internal readonly record struct KeyedBy(KeyKind Kind, string Name)
{
    private static readonly string[] Words = ["consumer", "ip", "header", "cookie"];

    /// <summary>What the text says; null where there is none, or it has a <see cref="Problem"/>.</summary>
    public static KeyedBy? Of(string? text) => text?.Split(':', 2) switch
    {
        ["consumer"] => new(KeyKind.Consumer, ""),
        ["ip"] => new(KeyKind.Address, ""),
        ["header", var name] when Token.IsValid(name) => new(KeyKind.Header, name),
        ["cookie", var name] when Token.IsValid(name) => new(KeyKind.Cookie, name),
        _ => null,
    };

    /// <summary>What is wrong with the text, and the fix; null for nothing.</summary>
    /// <param name="text">As it was written.</param>
    /// <param name="what">What it isn't: <c>nothing to hash by</c>.</param>
    public static string? Problem(string text, string what)
    {
        if (Of(text) is not null)
        {
            return null;
        }
        // What stands behind the colon is not told: the whole may be a secret.
        var fix = Nearest.Of(text.Split(':')[0], Words) switch
        {
            "header" => "write header:NAME, as in header:X-Tenant",
            "cookie" => "write cookie:NAME, as in cookie:session",
            { } word when !text.Contains(':') => $"did you mean '{word}'?",
            _ => "write consumer, ip, header:NAME or cookie:NAME",
        };
        return $"{what}, got '{text}'; {fix}";
    }
}

/// <summary>What is looked at to tell callers apart.</summary>
internal enum KeyKind
{
    /// <summary>Who is known to call.</summary>
    Consumer,
    /// <summary>Its address, of IPv6 the /64.</summary>
    Address,
    /// <summary>A header's value.</summary>
    Header,
    /// <summary>A cookie's.</summary>
    Cookie,
}
