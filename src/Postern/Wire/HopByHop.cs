using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace Postern.Wire;

/// <summary>Fields that belong to one connection and never go on (RFC 9110 §7.6.1), and fields the gateway itself speaks for.</summary>
internal static class HopByHop
{
    // A client's own word is replaced.
    private static readonly FrozenSet<string> Gateways = new[]
    {
        "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "Via", "traceparent", "tracestate", "X-Request-Id",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string> NotSentOn = Gateways.Concat(
    [
        "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
        "Proxy-Authorization", "Proxy-Authenticate",
        // framing and addressing, written anew for the upstream
        "Host", "Content-Length", "Expect",
    ]).ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string> NotInTrailers = new[]
    {
        "Authorization", "Cookie", "Content-Encoding", "Content-Range", "Content-Type", "Cache-Control", "Max-Forwards", "Range",
        "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Trailer", "X-Postern-Attempt",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether the gateway says a field itself, in every call.</summary>
    public static bool IsGateways(string name) => Gateways.Contains(name);

    /// <summary>Whether a client's field stays here.</summary>
    public static bool IsRequestField(string name) => NotSentOn.Contains(name);

    /// <summary>By this a service sees that it gets the copy of a request, whose answer nobody reads.</summary>
    public const string Mirrored = "X-Postern-Mirror";

    /// <summary>Whether a field claims what a proxy in front has seen or done (<c>X-Forwarded-Prefix</c>, <c>-Port</c> …): services believe
    /// these, so only a trusted proxy's go on.</summary>
    public static bool IsForwarded(string name) =>
        name.Length > 12 && (name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase) || name.Equals(Mirrored, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether a client's field may come behind the body. What says who asks, where to, or what the body is may not
    /// (RFC 9110 §6.5.1), nor what the gateway replaces or drops in a head.</summary>
    public static bool IsTrailer(string name) => !NotSentOn.Contains(name) && !IsForwarded(name) && !NotInTrailers.Contains(name) && !name.Contains('_');

    /// <summary>Whether one of the comma-separated tokens is <paramref name="name"/> (any case).</summary>
    public static bool Names(StringValues tokens, string name)
    {
        foreach (var value in tokens)
        {
            foreach (var range in value.AsSpan().Split(','))
            {
                if (value.AsSpan(range).Trim(" \t").Equals(name, StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }
        return false;
    }
}
