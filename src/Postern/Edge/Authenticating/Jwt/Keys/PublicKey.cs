using System.Buffers.Text;
using System.Numerics;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>Makes keys of public numbers, wherever they were read, and refuses those that are weak or no keys at all.</summary>
internal static class PublicKey
{
    /// <summary>Smaller RSA keys are broken or about to be (RFC 7518 §3.3).</summary>
    public const int MinRsaBits = 2048;

    /// <summary>Larger ones cost more for each signature than a caller may make the gateway spend.</summary>
    public const int MaxRsaBits = 8192;

    /// <summary>An RSA key; null with the problem where it can't be used.</summary>
    /// <param name="parameters">Its modulus and exponent.</param>
    /// <param name="kid">Its id; empty for none.</param>
    /// <param name="algorithm">The only one it is for; null for all of its kind.</param>
    /// <param name="problem">What is wrong with it.</param>
    public static VerificationKey? OfRsa(RSAParameters parameters, string kid, string? algorithm, out string? problem)
    {
        var (modulus, exponent) = (parameters.Modulus!.AsSpan().TrimStart((byte)0).ToArray(), parameters.Exponent!.AsSpan().TrimStart((byte)0).ToArray());
        var bits = modulus.Length == 0 ? 0 : (modulus.Length * 8) - (BitOperations.LeadingZeroCount((uint)modulus[0]) - 24);
        problem = bits < MinRsaBits ? $"an RSA key of {bits} bits is too weak, {MinRsaBits} are needed"
            : bits > MaxRsaBits ? $"an RSA key of {bits} bits is too large, at most {MaxRsaBits}"
            // With an exponent of 1 every text is its own signature.
            : exponent.Length is 0 or > 8 || exponent is [1] || exponent[^1] % 2 == 0 || modulus[^1] % 2 == 0 ? "its numbers are no RSA key" : null;
        if (Usable(KeyKind.Rsa, algorithm, ref problem) is not { } algorithms)
        {
            return null;
        }
        var clean = new RSAParameters { Modulus = modulus, Exponent = exponent };
        try
        {
            using var tried = RSA.Create(clean);
        }
        catch (CryptographicException)
        {
            problem = "its numbers are no RSA key";
            return null;
        }
        return new VerificationKey
        {
            Id = kid,
            Key = new RsaSecurityKey(clean) { KeyId = kid },
            Algorithms = algorithms,
            Material = $"{kid}\nRSA\n{Base64Url.EncodeToString(modulus)}\n{Base64Url.EncodeToString(exponent)}\n{string.Join(' ', algorithms)}",
        };
    }

    /// <summary>A key on one of the curves of NIST; null with the problem where it can't be used.</summary>
    public static VerificationKey? OfCurve(string? name, byte[] x, byte[] y, string kid, string? algorithm, out string? problem)
    {
        problem = null;
        (KeyKind Kind, ECCurve Numbers, int Bytes)? known = name switch
        {
            "P-256" => (KeyKind.P256, ECCurve.NamedCurves.nistP256, 32),
            "P-384" => (KeyKind.P384, ECCurve.NamedCurves.nistP384, 48),
            "P-521" => (KeyKind.P521, ECCurve.NamedCurves.nistP521, 66),
            _ => null,
        };
        if (known is not { } curve)
        {
            problem = "its curve is not P-256, P-384 or P-521";
            return null;
        }
        // RFC 7518 §6.2.1.2: always the full length.
        problem = x.Length != curve.Bytes || y.Length != curve.Bytes ? $"coordinates on {name} are {curve.Bytes} bytes long" : null;
        if (Usable(curve.Kind, algorithm, ref problem) is not { } algorithms)
        {
            return null;
        }
        try
        {
            // Refuses a point that isn't on the curve.
            using var tried = ECDsa.Create(new ECParameters { Curve = curve.Numbers, Q = new ECPoint { X = x, Y = y } });
        }
        catch (CryptographicException)
        {
            problem = $"its point is not on {name}";
            return null;
        }
        var (textX, textY) = (Base64Url.EncodeToString(x), Base64Url.EncodeToString(y));
        return new VerificationKey
        {
            Id = kid,
            // Of numbers, not of an ECDsa: that would be one object for all threads, and it isn't made for it.
            Key = new JsonWebKey { Kty = "EC", Crv = name, X = textX, Y = textY, Kid = kid, KeyId = kid },
            Algorithms = algorithms,
            Material = $"{kid}\nEC\n{name}\n{textX}\n{textY}\n{string.Join(' ', algorithms)}",
        };
    }

    private static string[]? Usable(KeyKind kind, string? only, ref string? problem)
    {
        var fitting = Algorithm.For(kind);
        if (problem is null && only is not null && !fitting.Contains(only))
        {
            problem = "its alg is not one that verifies signatures with a key of its kind";
        }
        return problem is not null ? null : only is null ? fitting : [only];
    }
}
