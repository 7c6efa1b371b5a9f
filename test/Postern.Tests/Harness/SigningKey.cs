using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.WebUtilities;

namespace Postern.Tests.Harness;

/// <summary>A key that signs tokens, as an authorization server has them. Its algorithm decides what kind of key it is.</summary>
internal sealed class SigningKey
{
    private readonly RSA? rsa;
    private readonly ECDsa? ec;
    private readonly byte[]? secret;

    private SigningKey(string kid, string algorithm, RSA? rsa, ECDsa? ec, byte[]? secret) =>
        (Kid, Algorithm, this.rsa, this.ec, this.secret) = (kid, algorithm, rsa, ec, secret);

    public string Kid { get; }

    public string Algorithm { get; }

    /// <summary>The public key, PEM; not for a secret.</summary>
    public string Pem => rsa?.ExportSubjectPublicKeyInfoPem() ?? ec!.ExportSubjectPublicKeyInfoPem();

    /// <summary>The public key, PKCS#1 PEM; for RSA.</summary>
    public string Pkcs1Pem => rsa!.ExportRSAPublicKeyPem();

    /// <summary>A key of the kind that the algorithm needs: RS…, PS…, ES… or HS….</summary>
    public static SigningKey Make(string kid, string algorithm = "RS256", int rsaBits = 2048) => algorithm[..2] switch
    {
        "ES" => new(kid, algorithm, null, ECDsa.Create(algorithm switch { "ES256" => ECCurve.NamedCurves.nistP256, "ES384" => ECCurve.NamedCurves.nistP384, _ => ECCurve.NamedCurves.nistP521 }), null),
        "HS" => new(kid, algorithm, null, null, RandomNumberGenerator.GetBytes(64)),
        _ => new(kid, algorithm, RSA.Create(rsaBits), null, null),
    };

    /// <summary>A shared secret.</summary>
    public static SigningKey FromSecret(string secret, string algorithm = "HS256", string kid = "") => new(kid, algorithm, null, null, Encoding.UTF8.GetBytes(secret));

    /// <summary>The same key under another id or algorithm.</summary>
    public SigningKey As(string? kid = null, string? algorithm = null) => new(kid ?? Kid, algorithm ?? Algorithm, rsa, ec, secret);

    /// <summary>A certificate that holds the public key, PEM.</summary>
    public string Certificate()
    {
        var request = rsa is not null
            ? new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=issuer", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=issuer", ec!, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        return certificate.ExportCertificatePem();
    }

    /// <summary>The key as a member of a key set. A test may change what it gets.</summary>
    /// <param name="withPrivate">With the members that nobody may publish.</param>
    public JsonObject Jwk(bool withPrivate = false)
    {
        var jwk = new JsonObject { ["kid"] = Kid, ["use"] = "sig", ["alg"] = Algorithm };
        if (rsa is not null)
        {
            var parameters = rsa.ExportParameters(withPrivate);
            (jwk["kty"], jwk["n"], jwk["e"]) = ("RSA", Encode(parameters.Modulus!), Encode(parameters.Exponent!));
            if (withPrivate)
            {
                jwk["d"] = Encode(parameters.D!);
            }
        }
        else if (ec is not null)
        {
            var parameters = ec.ExportParameters(withPrivate);
            (jwk["kty"], jwk["crv"]) = ("EC", ec.KeySize switch { 256 => "P-256", 384 => "P-384", _ => "P-521" });
            (jwk["x"], jwk["y"]) = (Encode(parameters.Q.X!), Encode(parameters.Q.Y!));
            if (withPrivate)
            {
                jwk["d"] = Encode(parameters.D!);
            }
        }
        else
        {
            (jwk["kty"], jwk["k"]) = ("oct", Encode(secret!));
        }
        return jwk;
    }

    /// <summary>A signed token of exactly this header and these claims.</summary>
    public string Sign(JsonObject header, JsonObject claims) => Sign(header.ToJsonString(), claims.ToJsonString());

    /// <summary>A signed token of exactly this text in its two parts, sound or not.</summary>
    public string Sign(string header, string claims)
    {
        var text = $"{Encode(Encoding.UTF8.GetBytes(header))}.{Encode(Encoding.UTF8.GetBytes(claims))}";
        return $"{text}.{Encode(Sign(Encoding.ASCII.GetBytes(text)))}";
    }

    public static string Encode(byte[] bytes) => WebEncoders.Base64UrlEncode(bytes);

    private byte[] Sign(byte[] text)
    {
        var hash = Algorithm[2..] switch { "256" => HashAlgorithmName.SHA256, "384" => HashAlgorithmName.SHA384, _ => HashAlgorithmName.SHA512 };
        return Algorithm[..2] switch
        {
            "RS" => rsa!.SignData(text, hash, RSASignaturePadding.Pkcs1),
            "PS" => rsa!.SignData(text, hash, RSASignaturePadding.Pss),
            "ES" => ec!.SignData(text, hash),
            _ => Algorithm switch { "HS256" => HMACSHA256.HashData(secret!, text), "HS384" => HMACSHA384.HashData(secret!, text), _ => HMACSHA512.HashData(secret!, text) },
        };
    }
}
