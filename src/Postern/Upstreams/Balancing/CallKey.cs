using Postern.Config;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Upstreams.Balancing;

/// <summary>What calls are hashed by: who is calling, from where, a header's value, a cookie's. Headers are read as the upstream would see them.</summary>
internal sealed class CallKey
{
    private readonly string source;
    private readonly string name;

    /// <param name="by">What was written, without a <see cref="Problem"/>.</param>
    public CallKey(string by)
    {
        var colon = by.IndexOf(':');
        (source, name) = colon < 0 ? (by, "") : (by[..colon], by[(colon + 1)..]);
    }

    /// <summary>What is wrong with it, and the fix; null for nothing.</summary>
    public static string? Problem(string by)
    {
        if (by is "consumer" or "ip" || (by.Split(':', 2) is ["header" or "cookie", var name] && Token.IsValid(name)))
        {
            return null;
        }
        var near = Nearest.Of(by, ["consumer", "ip"]) is { } meant ? $"did you mean '{meant}'?" : "write consumer, ip, header:NAME or cookie:NAME";
        return $"nothing to hash by, got '{by}'; {near}";
    }

    /// <summary>The hash of the call's key: where it carries none, of its client's address; false for a call that no client's request is behind.</summary>
    public bool TryHash(UpstreamCall call, out ulong hash)
    {
        var value = source switch
        {
            "header" => name.Equals("Host", StringComparison.OrdinalIgnoreCase) ? call.Host : call.Fields.Find(name),
            "cookie" => CookieText.Find(call.Fields, name),
            "consumer" => call.Exchange?.Consumer?.Key,
            _ => default(ReadOnlySpan<char>),
        };
        if (value.IsEmpty)
        {
            value = call.Exchange?.AddressKey;
        }
        hash = StableHash.Of(value);
        return !value.IsEmpty;
    }
}
