using System.Text.Json;
using Postern.Edge.Authenticating.Jwt;
using Postern.Pipeline;

namespace Postern.Edge.Authenticating.Introspecting;

/// <summary>What a reply says of a token.</summary>
/// <param name="Verdict">Who is calling, or why not.</param>
/// <param name="Outcome">The same for metrics.</param>
/// <param name="Expires">When the token ends; null where the reply doesn't say.</param>
internal readonly record struct Reply(Verdict Verdict, string Outcome, DateTimeOffset? Expires);

/// <summary>
/// Reads replies (RFC 7662 §2.2), which are checked like a token's claims: that the server calls a token active says
/// nothing yet of whether it was meant for this gateway. A reply that isn't what the RFC describes is the server's failure
/// and says nothing of the token.
/// </summary>
internal sealed class ReplyReader(string way, IntrospectionOptions options, ClaimOptions claims)
{
    /// <summary>How far the server's clock may be ahead of ours.</summary>
    public static readonly TimeSpan Skew = TimeSpan.FromSeconds(30);

    private readonly ClaimPath id = new(claims.Id);
    private readonly TokenConsumer consumers = new(way, claims);
    private readonly string? allScopes = options.Scopes is null ? null : string.Join(' ', options.Scopes);

    /// <summary>What a reply says; a verdict of <see cref="Failure.IdentityUnavailable"/> where nobody can tell.</summary>
    public Reply Read(Fetched answer, DateTimeOffset now)
    {
        if (answer.MediaType != "application/json")
        {
            return Unreadable("is not application/json");
        }
        var reply = StrictJson.Object(answer.Body.Span, out var problem);
        if (problem is not null)
        {
            return Unreadable(problem);
        }
        // "true" or 1 is what a server says that was never tested against a strict reader; to let it pass is to guess.
        return Find(reply, "active") switch
        {
            { ValueKind: JsonValueKind.True } => Active(reply, now),
            { ValueKind: JsonValueKind.False } => new Reply(Verdict.Refused(Failure.InvalidToken, "The token is not active.", "not active"), "inactive", null),
            _ => Unreadable("has no active of true or false"),
        };
    }

    private Reply Active(JsonElement reply, DateTimeOffset now)
    {
        if (!Text(reply, "iss", out var issuer) || !Text(reply, "token_type", out var type) || !Text(reply, "token_use", out var use) || !Text(reply, "typ", out var kind)
            || !Time(reply, "exp", out var expires) || !Time(reply, "nbf", out var begins) || !Audience(reply, out var audience))
        {
            return Unreadable("has a field of another type than it should");
        }
        if (expires <= now)
        {
            return Unfit("The token has expired.", "called active, but its exp is past");
        }
        if (begins > now + Skew)
        {
            return Unfit("The token is not valid yet.", "called active, but its nbf is to come");
        }
        if (options.Issuer is not null && issuer != options.Issuer)
        {
            return Unfit("The token's issuer is not accepted here.", issuer is null ? "the reply has no iss" : "the reply's iss is another");
        }
        if (options.Audience is not null && !(audience ?? []).Exists(options.Audience.Contains))
        {
            return Unfit("The token is not for this audience.", audience is null ? "the reply has no aud" : "the reply's aud names others");
        }
        if (!IsAccessToken(type, use, kind))
        {
            return Unfit("The token is not an access token.", "the reply calls it another kind of token");
        }
        if (Find(reply, "cnf") is not null)
        {
            // RFC 9449 §7.2, RFC 8705 §3: who holds such a token must prove a key; as a bearer token it may be stolen.
            return Unfit("The token is bound to a key, and nothing proves that the caller has it.", "the reply has cnf");
        }
        // RFC 7662 §2.2 has a client_id beside sub. It is no stand-in: whoever may name a client could name it like a user.
        return id.In(reply) is { ValueKind: JsonValueKind.String } subject && subject.GetString() is not ""
            // RFC 7662 §2.2: username is for people.
            ? Granted(consumers.Of(WithoutActive(reply), issuer, Find(reply, "username") is { } user ? ClaimPath.Plain(user) : null), expires)
            : Unfit("The token names no caller.", $"the reply has no {id} that is a text");
    }

    private Reply Granted(Consumer consumer, DateTimeOffset? expires)
    {
        if (options.Scopes is not null && options.Scopes.FirstOrDefault(s => !consumer.Scopes.Contains(s)) is { } missing)
        {
            return new Reply(Verdict.Lacks($"The token lacks the scope {missing}.", allScopes!), "unfit", null);
        }
        return new Reply(Verdict.Known(consumer), "active", expires);
    }

    /// <summary>
    /// Whether it may be sent to a resource. The endpoint answers for refresh tokens too (RFC 7662 §2.1), and what kind it
    /// found is said in different places: token_type (as the RFC has it, but some servers say access_token), token_use, typ.
    /// </summary>
    private static bool IsAccessToken(string? type, string? use, string? kind) =>
        (type?.ToLowerInvariant() ?? "") is "" or "bearer" or "access_token"
        && (use?.ToLowerInvariant() ?? "") is "" or "access_token" or "access"
        && (kind?.ToLowerInvariant() ?? "") is not ("refresh" or "refresh_token" or "offline" or "id" or "id_token" or "serialized-id" or "logout" or "logout+jwt" or "dpop");

    private static JsonElement WithoutActive(JsonElement reply)
    {
        var bytes = new System.Buffers.ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            foreach (var property in reply.EnumerateObject())
            {
                if (!property.NameEquals("active"))
                {
                    property.WriteTo(json);
                }
            }
            json.WriteEndObject();
        }
        return JsonElement.Parse(bytes.WrittenSpan);
    }

    /// <summary>The field; null where there is none, be it left out or null.</summary>
    private static JsonElement? Find(JsonElement reply, string field) =>
        reply.TryGetProperty(field, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static bool Text(JsonElement reply, string field, out string? text)
    {
        var value = Find(reply, field);
        text = value is { ValueKind: JsonValueKind.String } found ? found.GetString() : null;
        return value is null || text is not null;
    }

    /// <summary>Seconds since 1970, perhaps with a fraction (RFC 7519 §2).</summary>
    private static bool Time(JsonElement reply, string field, out DateTimeOffset? time)
    {
        time = null;
        if (Find(reply, field) is not { } value)
        {
            return true;
        }
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var seconds))
        {
            return false;
        }
        const double Last = 253_402_300_799; // the year 9999
        time = DateTimeOffset.UnixEpoch.AddSeconds(Math.Clamp(seconds, -Last / 10, Last));
        return true;
    }

    private static bool Audience(JsonElement reply, out List<string>? audience)
    {
        audience = null;
        switch (Find(reply, "aud"))
        {
            case null:
                return true;
            case { ValueKind: JsonValueKind.String } one:
                audience = [one.GetString()!];
                return true;
            case { ValueKind: JsonValueKind.Array } many when many.EnumerateArray().All(a => a.ValueKind == JsonValueKind.String):
                audience = [.. many.EnumerateArray().Select(a => a.GetString()!)];
                return true;
            default:
                return false;
        }
    }

    private static Reply Unfit(string detail, string reason) => new(Verdict.Refused(Failure.InvalidToken, detail, reason), "unfit", null);

    private static Reply Unreadable(string why) => new(Verdict.Unavailable($"the reply {why}", 1), "failed", null);
}
