using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Edge.Authenticating.Jwt;

/// <summary>The one public key that a PEM text holds, as such or in a certificate, whose dates and names are not looked at.</summary>
internal sealed record PublicKeyPem(SecurityKey Key, KeyKind Kind)
{
    /// <summary>RFC 7518 §3.3: a shorter RSA key must not be used.</summary>
    public const int SmallestRsa = 2048;

    /// <summary>Reads it; where it can't be used, <paramref name="problem"/> says why and what to do, without anything of the file.</summary>
    public static PublicKeyPem? Read(string text, out string? problem)
    {
        var (found, label, body) = (0, "", (byte[]?)null);
        for (var rest = text.AsSpan(); PemEncoding.TryFind(rest, out var fields); rest = rest[fields.Location.End..])
        {
            (found, label) = (found + 1, rest[fields.Label].ToString());
            if (label.EndsWith("PRIVATE KEY", StringComparison.Ordinal))
            {
                problem = "the file holds a private key, which the gateway must not have; write the public one: openssl pkey -in private.pem -pubout -out public.pem";
                return null;
            }
            body = Convert.FromBase64String(rest[fields.Base64Data].ToString());
        }
        problem = found switch
        {
            0 => "the file holds no key in PEM; one begins with -----BEGIN PUBLIC KEY-----",
            > 1 => $"the file holds {found} keys or certificates; keep one",
            _ => null,
        };
        return problem is null ? Import(label, body!, out problem) : null;
    }

    private static PublicKeyPem? Import(string label, byte[] der, out string? problem)
    {
        try
        {
            switch (label)
            {
                case "PUBLIC KEY":
                    return Of(PublicKey.CreateFromSubjectPublicKeyInfo(der, out _), out problem);
                case "CERTIFICATE":
                    using (var certificate = X509CertificateLoader.LoadCertificate(der))
                    {
                        return Of(certificate.PublicKey, out problem);
                    }
                case "RSA PUBLIC KEY":
                    using (var rsa = RSA.Create())
                    {
                        rsa.ImportRSAPublicKey(der, out _);
                        return Of(rsa, out problem);
                    }
                default:
                    problem = "the file holds no public key; it begins with -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE-----";
                    return null;
            }
        }
        catch (CryptographicException)
        {
            problem = "the file's key is damaged, or of a kind that this platform doesn't know; RSA and EC keys are";
            return null;
        }
    }

    private static PublicKeyPem? Of(PublicKey key, out string? problem)
    {
        using var rsa = key.GetRSAPublicKey();
        using var ec = rsa is null ? key.GetECDsaPublicKey() : null;
        if (rsa is not null)
        {
            return Of(rsa, out problem);
        }
        problem = "the file's key is neither RSA nor EC; give the issuer one of those";
        return ec is null ? null : Of(ec, out problem);
    }

    private static PublicKeyPem? Of(RSA rsa, out string? problem)
    {
        problem = rsa.KeySize < SmallestRsa ? $"an RSA key has at least {SmallestRsa} bits (RFC 7518), got {rsa.KeySize}; give the issuer a longer one" : null;
        return problem is null ? new PublicKeyPem(new RsaSecurityKey(rsa.ExportParameters(includePrivateParameters: false)), KeyKind.Rsa) : null;
    }

    private static PublicKeyPem? Of(ECDsa ec, out string? problem)
    {
        var parameters = ec.ExportParameters(includePrivateParameters: false);
        KeyKind? kind = parameters.Curve.Oid?.Value switch
        {
            "1.2.840.10045.3.1.7" => KeyKind.P256,
            "1.3.132.0.34" => KeyKind.P384,
            "1.3.132.0.35" => KeyKind.P521,
            _ => null,
        };
        problem = kind is null ? "the file's EC key is on a curve that no accepted algorithm uses; give the issuer one on P-256, P-384 or P-521" : null;
        return kind is { } known ? new PublicKeyPem(new ECDsaSecurityKey(ECDsa.Create(parameters)), known) : null;
    }
}
