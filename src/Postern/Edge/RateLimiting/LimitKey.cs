using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Edge.RateLimiting;

/// <summary>
/// What is counted apart. The parts of a key can't be mistaken for one another: a consumer begins with <c>@</c>, a header's
/// value with <c>=</c>, an address with neither; where there are several, each says how long it is.
/// </summary>
internal sealed class LimitKey
{
    private const string Header = "header:";

    /// <summary>Longer header values are counted by their hash.</summary>
    private const int MaxValue = 128;

    private readonly Func<HttpContext, Exchange, string>[] parts;
    private readonly string text;

    /// <param name="by">What was written; each has no <see cref="Problem"/>.</param>
    /// <param name="gate">The gate's name.</param>
    /// <param name="route">The route's label.</param>
    public LimitKey(IReadOnlyList<string> by, string gate, string route)
    {
        text = string.Join(" and ", by);
        parts = [.. by.Select<string, Func<HttpContext, Exchange, string>>(b => b switch
        {
            "consumer" => static (_, exchange) => exchange.Consumer?.Key ?? Address(exchange.ClientAddress),
            "ip" => static (_, exchange) => Address(exchange.ClientAddress),
            "gate" => (_, _) => gate,
            "route" => (_, _) => route,
            _ => Value(b[Header.Length..]),
        })];
    }

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
        var near = Nearest.Of(by, ["consumer", "ip", "gate", "route"]) is { } meant ? $"did you mean '{meant}'?" : "write consumer, ip, header:NAME, gate or route";
        return $"nothing to count by, got '{by}'; {near}";
    }

    /// <summary>The key of a request.</summary>
    public string Of(HttpContext context, Exchange exchange)
    {
        if (parts.Length == 1)
        {
            return parts[0](context, exchange);
        }
        var key = new StringBuilder();
        foreach (var part in parts)
        {
            var value = part(context, exchange);
            key.Append(value.Length).Append(value);
        }
        return key.ToString();
    }

    /// <inheritdoc/>
    public override string ToString() => text;

    /// <summary>An IPv6 subscriber has a whole /64 to choose addresses from, so that is what counts.</summary>
    private static string Address(string address)
    {
        if (!address.Contains(':') || !IPAddress.TryParse(address, out var parsed) || parsed.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }
        Span<byte> bytes = stackalloc byte[16];
        parsed.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return $"{new IPAddress(bytes)}/64";
    }

    private static Func<HttpContext, Exchange, string> Value(string name) => (context, exchange) =>
    {
        var value = context.Request.Headers[name].ToString();
        return value.Length switch
        {
            0 => Address(exchange.ClientAddress),
            > MaxValue => "=#" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(value))),
            _ => "=" + value,
        };
    };
}
