using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;
using Postern.Config;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>The one key that the configuration holds, a secret or a public key. It has no id, so whichever a token names is beside the point.</summary>
internal sealed class FixedKey(VerificationKey key) : IKeySource
{
    public string? NotReady => null;

    public int RetryAfter => 0;

    public bool HasKeys => true;

    /// <summary>The secret that issuer and gateway share.</summary>
    public static FixedKey OfSecret(string secret)
    {
        var bytes = Encoding.UTF8.GetBytes(secret);
        // RFC 7518 §3.2: at least as long as the hash.
        string[] algorithms = [.. Algorithm.All.Where(a => a.Kind == KeyKind.Secret && a.HashBytes <= bytes.Length).Select(a => a.Name)];
        return new FixedKey(new VerificationKey { Id = "", Key = new SymmetricSecurityKey(bytes), Algorithms = algorithms, Material = "" });
    }

    /// <summary>The public key that a file holds.</summary>
    public static FixedKey OfPem(FileText file)
    {
        var problem = (string?)null;
        var key = PublicKeyPem.Read(file.Text, out problem)?.Key switch
        {
            RsaSecurityKey rsa => PublicKey.OfRsa(rsa.Parameters, "", null, out problem),
            ECDsaSecurityKey ec => OfCurve(ec, out problem),
            _ => null,
        };
        return new FixedKey(key ?? throw new ArgumentException($"{file.Path}: {problem}", nameof(file)));
    }

    public void Start(TimeProvider time, ILogger logger) { }

    public VerificationKey? Find(string? kid, string algorithm) => key.Fits(algorithm) ? key : null;

    public Task RefetchAsync() => Task.CompletedTask;

    public void Dispose() { }

    private static VerificationKey? OfCurve(ECDsaSecurityKey key, out string? problem)
    {
        var point = key.ECDsa.ExportParameters(includePrivateParameters: false).Q;
        return PublicKey.OfCurve($"P-{key.KeySize}", point.X!, point.Y!, "", null, out problem);
    }
}
