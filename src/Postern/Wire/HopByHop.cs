using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace Postern.Wire;

/// <summary>Fields that belong to one connection and never go on (RFC 9110 §7.6.1), and fields the gateway itself speaks for.</summary>
internal static class HopByHop
{
    private static readonly FrozenSet<string> NotSentOn = new[]
    {
        "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
        "Proxy-Authorization", "Proxy-Authenticate",
        // framing and addressing, written anew for the upstream
        "Host", "Content-Length", "Expect",
        // what the gateway says itself; a client's own word is replaced
        "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "Via", "traceparent", "tracestate", "X-Request-Id",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether a client's field stays here.</summary>
    public static bool IsRequestField(string name) => NotSentOn.Contains(name);

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
