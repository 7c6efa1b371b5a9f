using System.Text.Json.Nodes;
using System.Text.Json;
using Postern.Pipeline;

namespace Postern.Edge.Authenticating.ApiKeys;

/// <summary>One key as it runs: whose it is and until when.</summary>
internal sealed class HeldKey
{
    private readonly long end = long.MaxValue;

    public HeldKey(KeyOptions key, string way)
    {
        Consumer = new Consumer
        {
            Id = key.Name!,
            Name = key.Name,
            Tier = key.Tier,
            Scopes = key.Scopes ?? [],
            Way = way,
            Claims = Claims(key),
        };
        var which = key.Last4 is null ? $"a key of '{key.Name}'" : $"the key of '{key.Name}' that ends in {key.Last4}";
        if (key.Revoked is not null)
        {
            (end, Ended) = (long.MinValue, $"{which} was revoked at {key.Revoked}");
        }
        else if (key.Expires is not null)
        {
            // What can't be read never gets here; if it did, it would be no reason to let anyone in.
            end = Rfc3339.TryParse(key.Expires, out var time) ? time.UtcTicks : long.MinValue;
            Ended = $"{which} expired at {key.Expires}";
        }
    }

    public Consumer Consumer { get; }

    /// <summary>For the log: why it holds no more.</summary>
    public string? Ended { get; }

    /// <summary>Whether it is good now.</summary>
    public bool Holds(TimeProvider time) => end == long.MaxValue || time.GetUtcNow().UtcTicks < end;

    /// <summary>
    /// What is known, under the names that tokens use for it: who maps <c>sub</c>, <c>scope</c> or <c>plan</c> to a header, or
    /// asks for one in <c>require</c>, writes it once for both kinds of callers.
    /// </summary>
    private static JsonElement Claims(KeyOptions key)
    {
        var claims = new JsonObject { ["sub"] = key.Name, ["name"] = key.Name };
        if (key.Tier is not null)
        {
            claims["plan"] = key.Tier;
            claims["tier"] = key.Tier;
        }
        if (key.Scopes is { Count: > 0 } scopes)
        {
            claims["scope"] = string.Join(' ', scopes); // RFC 8693 §4.2: words in one text.
        }
        if (key.Created is not null && Rfc3339.TryParse(key.Created, out var created))
        {
            claims["iat"] = created.ToUnixTimeSeconds();
        }
        if (key.Expires is not null && Rfc3339.TryParse(key.Expires, out var expires))
        {
            claims["exp"] = expires.ToUnixTimeSeconds();
        }
        return JsonSerializer.SerializeToElement(claims);
    }
}
