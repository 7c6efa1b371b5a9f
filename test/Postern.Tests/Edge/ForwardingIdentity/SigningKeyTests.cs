using System.Security.Cryptography;
using Postern.Edge.ForwardingIdentity;

namespace Postern.Tests.Edge.ForwardingIdentity;

public sealed class SigningKeyTests
{
    [Fact]
    public void Both_forms_of_PEM_hold_the_same_key()
    {
        using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var (pkcs8, _) = SigningKey.Read(made.ExportPkcs8PrivateKeyPem());
        var (sec1, _) = SigningKey.Read(made.ExportECPrivateKeyPem());
        // What openssl ecparam writes without -noout.
        var (both, _) = SigningKey.Read("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + made.ExportECPrivateKeyPem());
        Assert.Equal(pkcs8!.Id, sec1!.Id);
        Assert.Equal(pkcs8.Id, both!.Id);
        Assert.Equal(43, pkcs8.Id.Length);
    }

    public static TheoryData<string, string> Others()
    {
        using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var larger = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var rsa = RSA.Create(2048);
        return new()
        {
            { "", "is no PEM" },
            { "not a key", "is no PEM" },
            { ec.ExportSubjectPublicKeyInfoPem(), "holds no private key" },
            { ec.ExportEncryptedPkcs8PrivateKeyPem("word", new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000)), "is encrypted" },
            { larger.ExportPkcs8PrivateKeyPem(), "is of another curve" },
            { rsa.ExportPkcs8PrivateKeyPem(), "holds another kind of key" },
            { rsa.ExportRSAPrivateKeyPem(), "holds another kind of key" },
            { ec.ExportPkcs8PrivateKeyPem()[..120] + "\n-----END PRIVATE KEY-----", "holds another kind of key" },
            { "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----", "holds another kind of key" },
            { ec.ExportECPrivateKeyPem() + "\n" + ec.ExportECPrivateKeyPem(), "holds another kind of key" },
        };
    }

    [Theory, MemberData(nameof(Others))]
    public void What_is_no_such_key_says_why(string pem, string problem) => Assert.Equal((null, problem), SigningKey.Read(pem));

    [Fact]
    public async Task It_signs_on_many_threads_at_once()
    {
        var key = SigningKey.Make();
        using var verifier = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = System.Buffers.Text.Base64Url.DecodeFromChars(key.X), Y = System.Buffers.Text.Base64Url.DecodeFromChars(key.Y) },
        });
        var tokens = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(() => key.Sign([(byte)i]))));
        Assert.All(tokens, token =>
        {
            var dot = token.LastIndexOf('.');
            Assert.True(verifier.VerifyData(System.Text.Encoding.ASCII.GetBytes(token[..dot]), System.Buffers.Text.Base64Url.DecodeFromChars(token.AsSpan(dot + 1)), HashAlgorithmName.SHA256));
        });
    }
}
