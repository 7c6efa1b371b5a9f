using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>
/// The keys that an issuer publishes (RFC 7517). One that can't be used doesn't spoil the others. Read here and not by a
/// library because nothing of it may be guessed: a member named twice, a key that says what it is not for, a shared secret
/// among public keys.
/// </summary>
internal sealed class KeySet
{
    /// <summary>More than any issuer has; a set with more is not read.</summary>
    public const int MaxKeys = 200;

    private static readonly string[] PrivateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

    private readonly Dictionary<string, VerificationKey[]> byId;

    private KeySet(IReadOnlyList<VerificationKey> keys, IReadOnlyList<string> skipped)
    {
        (Keys, Skipped) = (keys, skipped);
        byId = keys.GroupBy(k => k.Id).ToDictionary(g => g.Key, g => g.ToArray(), StringComparer.Ordinal);
    }

    /// <summary>Those that can be used; at least one.</summary>
    public IReadOnlyList<VerificationKey> Keys { get; }

    /// <summary>Why others can't be, one sentence for each.</summary>
    public IReadOnlyList<string> Skipped { get; }

    /// <summary>Reads a set; null with the problem where it holds no key to use.</summary>
    /// <param name="document">The set, JSON.</param>
    /// <param name="known">Keys of the last set: those that are in this one too stay the same objects.</param>
    /// <param name="problem">What is wrong with it.</param>
    public static KeySet? Read(JsonElement document, IReadOnlyList<VerificationKey> known, out string? problem)
    {
        if (!document.TryGetProperty("keys"u8, out var members) || members.ValueKind != JsonValueKind.Array)
        {
            problem = "it is no key set: it has no list named keys";
            return null;
        }
        if (members.GetArrayLength() > MaxKeys)
        {
            problem = $"it has more than {MaxKeys} keys";
            return null;
        }
        var (keys, skipped, at) = (new List<VerificationKey>(), new List<string>(), 0);
        foreach (var member in members.EnumerateArray())
        {
            var key = ReadKey(member, out var kid, out var wrong);
            if (key is null)
            {
                skipped.Add($"{(kid is null ? $"keys[{at}]" : $"'{Quotable.Of(kid)}'")}: {wrong}");
            }
            else if (!keys.Exists(k => k.Material == key.Material))
            {
                keys.Add(known.FirstOrDefault(k => k.Material == key.Material) ?? key);
            }
            at++;
        }
        DropAmbiguous(keys, skipped);
        problem = keys.Count > 0 ? null : at == 0 ? "it has no keys" : $"none of its {at} keys can be used: {skipped[0]}";
        return problem is null ? new KeySet(keys, skipped) : null;
    }

    /// <summary>As <see cref="IKeySource.Find"/>.</summary>
    public VerificationKey? Find(string? kid, string algorithm)
    {
        VerificationKey? found = null;
        foreach (var key in string.IsNullOrEmpty(kid) ? Keys : byId.GetValueOrDefault(kid, []))
        {
            if (key.Fits(algorithm))
            {
                if (found is not null)
                {
                    return null;
                }
                found = key;
            }
        }
        return found;
    }

    /// <summary>Two keys with one id that do for the same algorithm: nobody can tell which is meant, so neither is.</summary>
    private static void DropAmbiguous(List<VerificationKey> keys, List<string> skipped)
    {
        HashSet<VerificationKey> dropped = [.. keys.Where(k => k.Id.Length > 0 && keys.Exists(o => o != k && o.Id == k.Id && o.Algorithms.Intersect(k.Algorithms).Any()))];
        skipped.AddRange(dropped.Select(k => $"'{Quotable.Of(k.Id)}': another key has the same kid and algorithm").Distinct());
        keys.RemoveAll(dropped.Contains);
    }

    private static VerificationKey? ReadKey(JsonElement jwk, out string? kid, out string? problem)
    {
        kid = null;
        if (jwk.ValueKind != JsonValueKind.Object)
        {
            problem = "not a key";
            return null;
        }
        if (!Text(jwk, "kid", out kid) || !Text(jwk, "kty", out var kty) || !Text(jwk, "use", out var use) || !Text(jwk, "alg", out var algorithm))
        {
            problem = "its kid, kty, use or alg is not a text";
            return null;
        }
        problem = kty == "oct" ? "a shared secret has no place in a key set"
            : kty is not ("RSA" or "EC") ? "its kty is neither RSA nor EC"
            : Array.Find(PrivateMembers, m => jwk.TryGetProperty(m, out _)) is not null ? "its private part is published, so anyone can sign with it"
            : use is not (null or "sig") ? "its use is not sig"
            : !Verifies(jwk) ? "its key_ops has no verify" : null;
        if (problem is not null)
        {
            return null;
        }
        if (kty == "RSA")
        {
            if (Number(jwk, "n") is { } n && Number(jwk, "e") is { } e)
            {
                return PublicKey.OfRsa(new RSAParameters { Modulus = n, Exponent = e }, kid ?? "", algorithm, out problem);
            }
            problem = "its n or e is not base64url";
            return null;
        }
        if (Text(jwk, "crv", out var curve) && Number(jwk, "x") is { } x && Number(jwk, "y") is { } y)
        {
            return PublicKey.OfCurve(curve, x, y, kid ?? "", algorithm, out problem);
        }
        problem = "its crv is not a text, or its x or y not base64url";
        return null;
    }

    /// <summary>RFC 7517 §4.3.</summary>
    private static bool Verifies(JsonElement jwk) => !jwk.TryGetProperty("key_ops"u8, out var operations)
        || (operations.ValueKind == JsonValueKind.Array && operations.EnumerateArray().Any(o => o.ValueKind == JsonValueKind.String && o.ValueEquals("verify"u8)));

    /// <summary>A text, or null where there is none; false where there is something else.</summary>
    internal static bool Text(JsonElement jwk, string name, out string? text)
    {
        text = null;
        if (!jwk.TryGetProperty(name, out var value))
        {
            return true;
        }
        text = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        return text is not null;
    }

    private static byte[]? Number(JsonElement jwk, string name)
    {
        if (!Text(jwk, name, out var text) || text is null)
        {
            return null;
        }
        var bytes = new byte[Base64Url.GetMaxDecodedLength(text.Length)];
        return Base64Url.DecodeFromChars(text, bytes, out _, out var written) == OperationStatus.Done ? bytes[..written] : null;
    }
}
