using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Upstreams.Balancing;

/// <summary>What calls are hashed by: who is calling, from where, a header's value, a cookie's. Headers are read as the upstream would see them.</summary>
internal sealed class CallKey(KeyedBy by)
{
    /// <summary>The hash of the call's key: where it carries none, of its client's address; false for a call that no client's request is behind.</summary>
    public bool TryHash(UpstreamCall call, out ulong hash)
    {
        var value = by.Kind switch
        {
            KeyKind.Header => by.Name.Equals("Host", StringComparison.OrdinalIgnoreCase) ? call.Host : call.Fields.Find(by.Name),
            KeyKind.Cookie => CookieText.Find(call.Fields, by.Name),
            KeyKind.Consumer => call.Exchange?.Consumer?.Key,
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
