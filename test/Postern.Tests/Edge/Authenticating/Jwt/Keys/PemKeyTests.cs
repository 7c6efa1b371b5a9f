using System.Security.Cryptography;
using Postern.Edge.Authenticating.Jwt.Keys;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt.Keys;

public sealed class PemKeyTests
{
    private static readonly SigningKey Rsa = SigningKey.Make("r"), Ec = SigningKey.Make("e", "ES384");

    [Fact]
    public void Each_form_of_a_public_key_is_read()
    {
        var forms = new[] { (Rsa.Pem, "RS256"), (Rsa.Pkcs1Pem, "PS512"), (Rsa.Certificate(), "RS256"), (Ec.Pem, "ES384"), (Ec.Certificate(), "ES384"), ("# ours\n" + Rsa.Pem + "\n\n", "RS384") };
        foreach (var (pem, algorithm) in forms)
        {
            var key = PemKey.Read(pem, out var problem);
            Assert.Null(problem);
            Assert.True(key!.Fits(algorithm));
            Assert.False(key.Fits("HS256")); // The public key taken for a secret.
        }
        Assert.False(PemKey.Read(Ec.Pem, out _)!.Fits("ES256"));
    }

    [Fact]
    public void Of_a_chain_the_first_certificate_counts() =>
        Assert.True(PemKey.Read(Ec.Certificate() + "\n" + Rsa.Certificate(), out _)!.Fits("ES384"));

    [Fact]
    public void What_cannot_be_used_says_why()
    {
        using var weak = RSA.Create(1024);
        using var curve = ECDsa.Create(ECCurve.CreateFromFriendlyName("secp256k1"));
        foreach (var (pem, reason) in new[]
        {
            ("", "holds no PEM; a block that begins with -----BEGIN PUBLIC KEY----- is needed"),
            ("s3cret", "holds no PEM; a block that begins with -----BEGIN PUBLIC KEY----- is needed"),
            (weak.ExportPkcs8PrivateKeyPem(), "holds a private key; the gateway needs the public one: openssl pkey -in FILE -pubout"),
            (weak.ExportRSAPrivateKeyPem(), "holds a private key; the gateway needs the public one: openssl pkey -in FILE -pubout"),
            (Rsa.Pem + "\n" + Ec.Pem, "holds more than one key; leave one"),
            (weak.ExportSubjectPublicKeyInfoPem(), "an RSA key of 1024 bits is too weak, 2048 are needed"),
            (curve.ExportSubjectPublicKeyInfoPem(), "its curve is not P-256, P-384 or P-521"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "holds a PUBLIC KEY that can't be read; is it cut off?"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "holds a CERTIFICATE that can't be read; is it cut off?"),
            ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----", "holds a CERTIFICATE REQUEST; PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE is needed"),
        })
        {
            Assert.Null(PemKey.Read(pem, out var problem));
            Assert.Equal(reason, problem);
        }
    }
}
