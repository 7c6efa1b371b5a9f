using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Edge.RateLimiting;

/// <summary>
/// What is counted apart. The parts of a key can't be mistaken for one another: a consumer begins with <c>@</c>, a header's
/// value with <c>=</c>, a gate and a route are words with a space, an address is none of these; where there are several
/// parts, each says how long it is.
/// </summary>
internal sealed class LimitKey
{
    private const string Header = "header:";

    /// <summary>Longer header values are counted by their hash.</summary>
    private const int MaxValue = 128;

    /// <summary>What these carry lets in. A key stands in Redis, and where <c>postern explain</c> is read; so they are counted by their hash.</summary>
    private static readonly string[] Credentials = ["authorization", "proxy-authorization", "cookie", "x-api-key"];

    private readonly Part[] parts;
    private readonly string text;

    /// <param name="by">What was written; each has no <see cref="Problem"/>.</param>
    /// <param name="gate">The gate's name.</param>
    /// <param name="route">The route, as no other of all gates is called.</param>
    public LimitKey(IReadOnlyList<string> by, string gate, string route)
    {
        text = string.Join(" and ", by);
        parts = [.. by.Select(b => b switch
        {
            "consumer" => new Part(Kind.Consumer, ""),
            "ip" => new Part(Kind.Address, ""),
            "gate" => new Part(Kind.Fixed, $"gate {gate}"),
            "route" => new Part(Kind.Fixed, $"route {route}"),
            _ => OfHeader(b[Header.Length..].ToLowerInvariant()),
        })];
        Identity = string.Join('\n', parts.Select(p => $"{p.Kind} {p.Text}"));
    }

    private enum Kind { Consumer, Address, Header, Fixed }

    /// <summary>The same for keys that give each request the same text.</summary>
    public string Identity { get; }

    /// <summary>What is wrong with one entry of <c>by</c>, and the fix; null for nothing.</summary>
    public static string? Problem(string by)
    {
        if (by is "consumer" or "ip" or "gate" or "route")
        {
            return null;
        }
        if (by.StartsWith(Header, StringComparison.Ordinal))
        {
            return Token.IsValid(by.AsSpan(Header.Length)) ? null : $"not a header's name, got '{by}'; write header:X-Tenant";
        }
        var several = by.Split([',', '+', '&', ' '], StringSplitOptions.RemoveEmptyEntries);
        var fix = several.Length > 1 && Array.TrueForAll(several, b => Problem(b) is null) ? $"write [{string.Join(", ", several)}]"
            : Nearest.Of(by, ["consumer", "ip", "gate", "route"]) is { } meant ? $"did you mean '{meant}'?"
            : by.Contains('-') && Token.IsValid(by) ? $"did you mean 'header:{by}'?"
            : "write consumer, ip, header:NAME, gate or route";
        return $"nothing to count by, got '{by}'; {fix}";
    }

    /// <summary>The header fields it reads.</summary>
    public IEnumerable<string> Headers => parts.Where(p => p.Kind == Kind.Header).Select(p => p.Text);

    /// <summary>The key of a request.</summary>
    public string Of(HttpContext context, Exchange exchange)
    {
        if (parts.Length == 1)
        {
            return Of(parts[0], context, exchange);
        }
        var key = new StringBuilder();
        foreach (var part in parts)
        {
            Append(key, Of(part, context, exchange));
        }
        return key.ToString();
    }

    /// <summary>The key under which one caller is counted, where that follows from who it is; else null.</summary>
    /// <param name="caller">A consumer's key, or an address as <see cref="AddressKey"/> gives it.</param>
    public string? Of(string caller)
    {
        var (key, known) = (new StringBuilder(), false);
        foreach (var part in parts)
        {
            // Who isn't known has the address in both places, and for a header that isn't sent.
            if (part.Kind == Kind.Header || (part.Kind == Kind.Address && caller.StartsWith('@')))
            {
                return null;
            }
            known |= part.Kind != Kind.Fixed;
            var value = part.Kind == Kind.Fixed ? part.Text : caller;
            if (parts.Length == 1)
            {
                return known ? value : null;
            }
            Append(key, value);
        }
        return known ? key.ToString() : null;
    }

    /// <inheritdoc/>
    public override string ToString() => text;

    private static string Of(in Part part, HttpContext context, Exchange exchange) => part.Kind switch
    {
        Kind.Consumer => exchange.CallerKey,
        Kind.Address => exchange.AddressKey,
        Kind.Fixed => part.Text,
        _ => Value(part, context, exchange),
    };

    private static Part OfHeader(string name) => new(Kind.Header, name, Credentials.Contains(name));

    private static string Value(in Part part, HttpContext context, Exchange exchange)
    {
        var (name, value) = (part.Text, context.Request.Headers[part.Text].ToString());
        return value.Length == 0 ? exchange.AddressKey
            : value.Length > MaxValue || part.IsSecret || name.Equals(exchange.CredentialField, StringComparison.OrdinalIgnoreCase)
                ? $"={name}#{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(value)))}"
            : $"={name}:{value}";
    }

    private static void Append(StringBuilder key, string value) => key.Append(value.Length).Append(' ').Append(value);

    private readonly record struct Part(Kind Kind, string Text, bool IsSecret = false);
}
