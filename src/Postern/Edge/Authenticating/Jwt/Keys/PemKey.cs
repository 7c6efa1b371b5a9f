using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>
/// Reads the public key of an issuer from PEM: a public key (RFC 7468 §13), an RSA public key (PKCS#1), or a certificate,
/// of which only the key counts: who put it there vouches for it, so neither its dates nor its issuer are looked at.
/// </summary>
internal static class PemKey
{
    /// <summary>The key; null with what is wrong and how to mend it.</summary>
    public static VerificationKey? Read(string pem, out string? problem)
    {
        if (!PemEncoding.TryFind(pem, out var found))
        {
            problem = "holds no PEM; a block that begins with -----BEGIN PUBLIC KEY----- is needed";
            return null;
        }
        var label = pem[found.Label];
        if (label.Contains("PRIVATE", StringComparison.Ordinal))
        {
            problem = "holds a private key; the gateway needs the public one: openssl pkey -in FILE -pubout";
            return null;
        }
        // A certificate's chain may follow it. Two keys would need ids, which PEM has not.
        if (label != "CERTIFICATE" && PemEncoding.TryFind(pem.AsSpan(found.Location.End.Value), out _))
        {
            problem = "holds more than one key; leave one";
            return null;
        }
        try
        {
            return Read(label, pem[found.Location], out problem);
        }
        catch (CryptographicException)
        {
            problem = $"holds a {label} that can't be read; is it cut off?";
            return null;
        }
    }

    private static VerificationKey? Read(string label, string block, out string? problem)
    {
        switch (label)
        {
            case "PUBLIC KEY":
            case "RSA PUBLIC KEY":
                using (var rsa = RSA.Create())
                {
                    if (TryImport(rsa, block))
                    {
                        return PublicKey.OfRsa(rsa.ExportParameters(false), "", null, out problem);
                    }
                }
                using (var ec = ECDsa.Create())
                {
                    ec.ImportFromPem(block);
                    return OfCurve(ec, out problem);
                }
            case "CERTIFICATE":
                using (var certificate = X509Certificate2.CreateFromPem(block))
                using (var rsa = certificate.GetRSAPublicKey())
                using (var ec = certificate.GetECDsaPublicKey())
                {
                    if (rsa is not null)
                    {
                        return PublicKey.OfRsa(rsa.ExportParameters(false), "", null, out problem);
                    }
                    if (ec is not null)
                    {
                        return OfCurve(ec, out problem);
                    }
                    problem = "holds a certificate whose key is neither RSA nor EC";
                    return null;
                }
            default:
                problem = $"holds a {label}; PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE is needed";
                return null;
        }
    }

    private static bool TryImport(RSA rsa, string block)
    {
        try
        {
            rsa.ImportFromPem(block);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static VerificationKey? OfCurve(ECDsa ec, out string? problem)
    {
        var parameters = ec.ExportParameters(false);
        var name = parameters.Curve.Oid.Value switch { "1.2.840.10045.3.1.7" => "P-256", "1.3.132.0.34" => "P-384", "1.3.132.0.35" => "P-521", _ => null };
        return PublicKey.OfCurve(name, parameters.Q.X ?? [], parameters.Q.Y ?? [], "", null, out problem);
    }
}
