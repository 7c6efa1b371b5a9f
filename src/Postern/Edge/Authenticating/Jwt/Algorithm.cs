namespace Postern.Edge.Authenticating.Jwt;

/// <summary>The kinds of keys that sign tokens. Each algorithm takes exactly one.</summary>
internal enum KeyKind { Rsa, P256, P384, P521, Secret }

/// <summary>A signature algorithm, as RFC 7518 §3.1 has it. What isn't here is not accepted: neither <c>none</c> nor what the platform can't compute.</summary>
/// <param name="Name">As <c>alg</c> writes it.</param>
/// <param name="Kind">The only kind of key it takes.</param>
/// <param name="HashBytes">How long the hash is; a shared secret is at least as long (§3.2).</param>
/// <param name="SignatureBytes">How long each of its signatures is; 0 where that is up to the key.</param>
internal sealed record Algorithm(string Name, KeyKind Kind, int HashBytes, int SignatureBytes)
{
    public static readonly Algorithm[] All =
    [
        new("RS256", KeyKind.Rsa, 32, 0), new("RS384", KeyKind.Rsa, 48, 0), new("RS512", KeyKind.Rsa, 64, 0),
        new("PS256", KeyKind.Rsa, 32, 0), new("PS384", KeyKind.Rsa, 48, 0), new("PS512", KeyKind.Rsa, 64, 0),
        new("ES256", KeyKind.P256, 32, 64), new("ES384", KeyKind.P384, 48, 96), new("ES512", KeyKind.P521, 64, 132),
        new("HS256", KeyKind.Secret, 32, 32), new("HS384", KeyKind.Secret, 48, 48), new("HS512", KeyKind.Secret, 64, 64),
    ];

    /// <summary>The algorithm of exactly that name, or null.</summary>
    public static Algorithm? Of(string? name) => Array.Find(All, a => a.Name == name);

    /// <summary>Names of the algorithms that a kind of key can be used with, the usual one first.</summary>
    public static string[] For(KeyKind kind) => [.. All.Where(a => a.Kind == kind).Select(a => a.Name)];

    /// <summary>A kind of key, in the words of a message.</summary>
    public static string Words(KeyKind kind) => kind switch
    {
        KeyKind.Rsa => "an RSA key",
        KeyKind.P256 => "an EC key on P-256",
        KeyKind.P384 => "an EC key on P-384",
        KeyKind.P521 => "an EC key on P-521",
        _ => "a secret",
    };
}
