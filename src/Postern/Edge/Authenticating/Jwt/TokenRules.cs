using System.Text.Json;
using Postern.Pipeline;

namespace Postern.Edge.Authenticating.Jwt;

/// <summary>
/// What must hold of a token whatever its signature says: cheap, on the calling thread, without cryptography, cheapest first.
/// Headers that offer a key (<c>jku</c>, <c>x5u</c>, <c>jwk</c>, <c>x5c</c>) are not even read.
/// </summary>
internal sealed class TokenRules(string issuer, IReadOnlyList<string> audiences, IReadOnlyList<string> algorithms, TimeSpan clockSkew, ClaimPath id)
{
    /// <summary>9999-12-31T23:59:59Z. Later is a mistake: milliseconds, most likely.</summary>
    private const double LastSecond = 253_402_300_799;

    private static readonly Fault
        OtherAlgorithm = new("The token's algorithm is not accepted here.", "alg is not one of the accepted algorithms"),
        Critical = new("The token's header is not valid.", "crit is present"),
        OtherType = new("The token is not of a type that is accepted here.", "typ is neither JWT nor at+jwt"),
        BadKeyId = new("The token's header is not valid.", "kid is no text"),
        BadSignature = new("The token's signature is not valid.", "the signature has not the algorithm's length"),
        NoIssuer = new("The token has no issuer.", "iss is missing or no text"),
        OtherIssuer = new("The token's issuer is not accepted here.", "iss is not the configured issuer"),
        BadAudience = new("The token is not for this audience.", "aud is missing, or neither a text nor a list of texts"),
        OtherAudience = new("The token is not for this audience.", "aud names no configured audience"),
        NoExpiry = new("The token has no expiry.", "exp is missing"),
        BadExpiry = new("The token's times are not valid.", "exp is no number of seconds up to the year 9999"),
        Expired = new("The token has expired.", "exp is past"),
        BadTimes = new("The token's times are not valid.", "nbf or iat is no number of seconds up to the year 9999"),
        TooEarly = new("The token is not valid yet.", "nbf is yet to come"),
        FromTomorrow = new("The token is not valid yet.", "iat is yet to come"),
        NoId = new("The token names no caller.", "the claim of the caller's id is missing, empty or no text");

    private readonly string[] audiences = [.. audiences];
    private readonly Algorithm[] algorithms = [.. algorithms.Select(Algorithm.Of).OfType<Algorithm>()];

    /// <summary>Checks a token as far as that needs no key.</summary>
    /// <param name="credential">The token.</param>
    /// <param name="now">The time, in ticks of UTC.</param>
    /// <param name="token">What it claims, where nothing is wrong.</param>
    public Fault? Check(string credential, long now, out CheckedToken token)
    {
        token = default;
        if (UnverifiedToken.ReadHeader(credential, out var fault) is not { } read)
        {
            return fault;
        }
        // RFC 8725 §3.1: exact, so that no spelling of "none" is anything but another algorithm.
        if (Accepted(read.Algorithm) is not { } algorithm)
        {
            return OtherAlgorithm;
        }
        fault = Header(read.Header, out var keyId) ?? read.ReadPayload();
        if (fault is not null)
        {
            return fault;
        }
        if (algorithm.SignatureBytes > 0 && read.Signature.Length != algorithm.SignatureBytes)
        {
            return BadSignature;
        }
        fault = Party(read.Payload) ?? Times(read.Payload, now, out token) ?? Caller(read.Payload);
        token = token with { Token = read, Algorithm = algorithm, KeyId = keyId };
        return fault;
    }

    private Algorithm? Accepted(string name)
    {
        foreach (var algorithm in algorithms)
        {
            if (algorithm.Name == name)
            {
                return algorithm;
            }
        }
        return null;
    }

    private static Fault? Header(JsonElement header, out string? keyId)
    {
        keyId = null;
        if (header.TryGetProperty("crit"u8, out _))
        {
            return Critical; // RFC 7515 §4.1.11: none is understood here.
        }
        if (header.TryGetProperty("typ"u8, out var type) && !(type.ValueKind == JsonValueKind.String && IsToken(type.GetString())))
        {
            return OtherType;
        }
        if (header.TryGetProperty("kid"u8, out var id))
        {
            if (id.ValueKind != JsonValueKind.String)
            {
                return BadKeyId;
            }
            keyId = id.GetString();
        }
        return null;
    }

    /// <summary>RFC 8725 §3.11: what is signed for another purpose (a logout, a proof of possession) is no access token.</summary>
    private static bool IsToken(ReadOnlySpan<char> type)
    {
        const string Prefix = "application/"; // May be left out (RFC 7515 §4.1.9).
        type = type.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? type[Prefix.Length..] : type;
        return type.Equals("JWT", StringComparison.OrdinalIgnoreCase) || type.Equals("at+jwt", StringComparison.OrdinalIgnoreCase);
    }

    private Fault? Party(JsonElement payload)
    {
        if (!payload.TryGetProperty("iss"u8, out var iss) || iss.ValueKind != JsonValueKind.String)
        {
            return NoIssuer;
        }
        if (!iss.ValueEquals(issuer))
        {
            return OtherIssuer;
        }
        if (!payload.TryGetProperty("aud"u8, out var aud))
        {
            return BadAudience;
        }
        if (aud.ValueKind == JsonValueKind.String)
        {
            return IsAudience(aud) ? null : OtherAudience;
        }
        if (aud.ValueKind != JsonValueKind.Array)
        {
            return BadAudience;
        }
        var named = false;
        foreach (var one in aud.EnumerateArray())
        {
            if (one.ValueKind != JsonValueKind.String)
            {
                return BadAudience;
            }
            named |= IsAudience(one);
        }
        return named ? null : OtherAudience;
    }

    private bool IsAudience(JsonElement value)
    {
        foreach (var audience in audiences)
        {
            if (value.ValueEquals(audience))
            {
                return true;
            }
        }
        return false;
    }

    private Fault? Times(JsonElement payload, long now, out CheckedToken token)
    {
        token = default;
        if (!payload.TryGetProperty("exp"u8, out var exp))
        {
            return NoExpiry;
        }
        if (Ticks(exp) is not { } end)
        {
            return BadExpiry;
        }
        var until = end + clockSkew.Ticks;
        if (now >= until)
        {
            return Expired; // RFC 7519 §4.1.4: on or after it.
        }
        long? notBefore = payload.TryGetProperty("nbf"u8, out var nbf) ? Ticks(nbf) : 0;
        long? issued = payload.TryGetProperty("iat"u8, out var iat) ? Ticks(iat) : 0;
        if (notBefore is null || issued is null)
        {
            return BadTimes;
        }
        token = new CheckedToken { Until = until };
        return notBefore > now + clockSkew.Ticks ? TooEarly : issued > now + clockSkew.Ticks ? FromTomorrow : null;
    }

    /// <summary>A time as ticks of UTC; fractions of a second are allowed (RFC 7519 §2).</summary>
    private static long? Ticks(JsonElement date) =>
        date.ValueKind == JsonValueKind.Number && date.TryGetDouble(out var seconds) && seconds is >= 0 and <= LastSecond
            ? DateTime.UnixEpoch.Ticks + (long)(seconds * TimeSpan.TicksPerSecond) : null;

    private Fault? Caller(JsonElement payload) =>
        id.In(payload) is { ValueKind: JsonValueKind.String } value && !value.ValueEquals("") ? null : NoId;
}

/// <summary>A token of which only the signature is open.</summary>
internal readonly record struct CheckedToken
{
    /// <summary>What it claims.</summary>
    public UnverifiedToken Token { get; init; }

    /// <summary>How it says it is signed; one that is accepted.</summary>
    public Algorithm Algorithm { get; init; }

    /// <summary>The key it says it is signed with, or null.</summary>
    public string? KeyId { get; init; }

    /// <summary>When it ends, the clocks' difference added, in ticks of UTC.</summary>
    public long Until { get; init; }
}
