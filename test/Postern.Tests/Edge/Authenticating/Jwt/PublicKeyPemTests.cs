using System.Security.Cryptography;
using Postern.Edge.Authenticating.Jwt;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt;

/// <summary>What a file with a public key may hold.</summary>
public sealed class PublicKeyPemTests
{
    private static readonly SigningKey Rsa = SigningKey.Make("r");

    [Fact]
    public void A_public_key_and_a_certificate_are_read()
    {
        Assert.Equal(KeyKind.Rsa, PublicKeyPem.Read(Rsa.Pem, out _)?.Kind);
        Assert.Equal(KeyKind.Rsa, PublicKeyPem.Read(Rsa.Pkcs1Pem, out _)?.Kind);
        Assert.Equal(KeyKind.Rsa, PublicKeyPem.Read("Some words\n" + Rsa.Certificate() + "\n", out _)?.Kind);
        Assert.Equal(KeyKind.P256, PublicKeyPem.Read(SigningKey.Make("", "ES256").Pem, out _)?.Kind);
        Assert.Equal(KeyKind.P384, PublicKeyPem.Read(SigningKey.Make("", "ES384").Pem.ReplaceLineEndings("\r\n"), out _)?.Kind);
        Assert.Equal(KeyKind.P521, PublicKeyPem.Read(SigningKey.Make("", "ES512").Certificate(), out _)?.Kind);
    }

    [Fact]
    public void What_can_not_be_used_is_said_without_a_word_of_the_file()
    {
        Assert.Equal("the file holds no key in PEM; one begins with -----BEGIN PUBLIC KEY-----", Problem("secret-words"));
        Assert.Equal("the file holds no key in PEM; one begins with -----BEGIN PUBLIC KEY-----", Problem(""));
        Assert.Equal("the file holds no key in PEM; one begins with -----BEGIN PUBLIC KEY-----", Problem(Rsa.Pem[..^30]));
        Assert.Equal("the file holds no public key; it begins with -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE-----", Problem(PemEncoding.WriteString("X509 CRL", [1, 2])));
        Assert.Equal("the file's key is damaged, or of a kind that this platform doesn't know; RSA and EC keys are", Problem(PemEncoding.WriteString("PUBLIC KEY", [1, 2])));
        Assert.Equal("the file's key is damaged, or of a kind that this platform doesn't know; RSA and EC keys are", Problem(PemEncoding.WriteString("CERTIFICATE", [1, 2])));
        Assert.Equal("the file holds 2 keys or certificates; keep one", Problem(Rsa.Pem + "\n" + Rsa.Pem));
        Assert.Equal("an RSA key has at least 2048 bits (RFC 7518), got 1024; give the issuer a longer one", Problem(SigningKey.Make("", rsaBits: 1024).Pem));
    }

    [Fact]
    public void A_private_key_is_refused()
    {
        using var rsa = RSA.Create(2048);
        using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string[] held = [rsa.ExportPkcs8PrivateKeyPem(), rsa.ExportRSAPrivateKeyPem(), ec.ExportECPrivateKeyPem(), rsa.ExportEncryptedPkcs8PrivateKeyPem("x", new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1)), Rsa.Pem + "\n" + ec.ExportECPrivateKeyPem()];
        Assert.All(held, pem => Assert.StartsWith("the file holds a private key", Problem(pem), StringComparison.Ordinal));
    }

    [Fact]
    public void Keys_of_other_kinds_and_curves_are_refused()
    {
        // Ed25519 (RFC 8410 §10.1), and secp256k1.
        Assert.StartsWith("the file's key is", Problem("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----"), StringComparison.Ordinal);
        using var ec = ECDsa.Create(ECCurve.CreateFromValue("1.3.132.0.10"));
        Assert.Equal("the file's EC key is on a curve that no accepted algorithm uses; give the issuer one on P-256, P-384 or P-521", Problem(ec.ExportSubjectPublicKeyInfoPem()));
    }

    private static string? Problem(string pem)
    {
        Assert.Null(PublicKeyPem.Read(pem, out var problem));
        return problem;
    }
}
