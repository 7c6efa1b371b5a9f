using System.Security.Cryptography;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>Which algorithms a kind of key is for (RFC 7518 §3.1). A key is never used for another kind's: that is what algorithm confusion is made of (RFC 8725 §2.1).</summary>
internal static class Algorithms
{
    /// <summary>Smaller RSA keys are broken or about to be (RFC 7518 §3.3).</summary>
    public const int MinRsaBits = 2048;

    /// <summary>Larger ones cost more per signature than a caller may make us spend.</summary>
    public const int MaxRsaBits = 8192;

    public static readonly IReadOnlyList<string> Rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

    public static readonly IReadOnlyList<string> Es256 = ["ES256"], Es384 = ["ES384"], Es512 = ["ES512"];

    /// <summary>Those whose hash is no longer than the secret (RFC 7518 §3.2).</summary>
    public static IReadOnlyList<string> Secret(int bytes) => [.. new[] { (32, "HS256"), (48, "HS384"), (64, "HS512") }.Where(a => bytes >= a.Item1).Select(a => a.Item2)];

    /// <summary>What a curve is for, and how long its coordinates are; null for a curve that isn't used here.</summary>
    public static (IReadOnlyList<string> Algorithms, string Name, ECCurve Curve, int Bytes)? OfCurve(string? name) => name switch
    {
        "P-256" => (Es256, name, ECCurve.NamedCurves.nistP256, 32),
        "P-384" => (Es384, name, ECCurve.NamedCurves.nistP384, 48),
        "P-521" => (Es512, name, ECCurve.NamedCurves.nistP521, 66),
        _ => null,
    };
}
