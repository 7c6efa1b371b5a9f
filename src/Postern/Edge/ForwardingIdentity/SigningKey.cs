using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Edge.ForwardingIdentity;

/// <summary>A private key of the curve P-256, for ES256 (RFC 7518 §3.4). It is named by its thumbprint (RFC 7638), so that the same file has
/// the same name on every instance of a fleet.</summary>
internal sealed class SigningKey
{
    private const string Curve = "1.2.840.10045.3.1.7";
    private readonly ECParameters parameters;

    // The platform promises nothing for one object on several threads.
    private readonly ConcurrentQueue<ECDsa> idle = new();

    private SigningKey(ECParameters parameters)
    {
        this.parameters = parameters;
        (X, Y) = (Base64Url.EncodeToString(parameters.Q.X), Base64Url.EncodeToString(parameters.Q.Y));
        Id = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{X}}","y":"{{Y}}"}""")));
        Header = Base64Url.EncodeToString(Encoding.ASCII.GetBytes($$"""{"alg":"ES256","typ":"JWT","kid":"{{Id}}"}"""));
    }

    /// <summary>Its <c>kid</c>.</summary>
    public string Id { get; }

    /// <summary>The public point, as a key set writes it.</summary>
    public string X { get; }

    /// <summary>The public point, as a key set writes it.</summary>
    public string Y { get; }

    /// <summary>The first part of each token that it signs.</summary>
    private string Header { get; }

    /// <summary>A new key.</summary>
    public static SigningKey Make()
    {
        using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new SigningKey(made.ExportParameters(includePrivateParameters: true));
    }

    /// <summary>The key that a PEM text holds, or what is wrong with it.</summary>
    public static (SigningKey? Key, string? Problem) Read(string pem)
    {
        if (pem.Contains("ENCRYPTED", StringComparison.Ordinal))
        {
            return (null, "is encrypted");
        }
        if (!pem.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            return (null, pem.Contains("-----BEGIN", StringComparison.Ordinal) ? "holds no private key" : "is no PEM");
        }
        try
        {
            using var read = ECDsa.Create();
            read.ImportFromPem(pem);
            var parameters = read.ExportParameters(includePrivateParameters: true);
            return parameters.Curve.Oid?.Value == Curve || parameters.Curve.Oid?.FriendlyName is "nistP256" or "ECDSA_P256"
                ? (new SigningKey(parameters), null) : (null, "is of another curve");
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return (null, "holds another kind of key");
        }
    }

    /// <summary>The signed token of a payload.</summary>
    public string Sign(ReadOnlySpan<byte> payload)
    {
        var text = $"{Header}.{Base64Url.EncodeToString(payload)}";
        if (!idle.TryDequeue(out var signer))
        {
            signer = ECDsa.Create(parameters);
        }
        Span<byte> signature = stackalloc byte[64];
        signer.TrySignData(Encoding.ASCII.GetBytes(text), signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation, out _);
        idle.Enqueue(signer);
        return $"{text}.{Base64Url.EncodeToString(signature)}";
    }
}
