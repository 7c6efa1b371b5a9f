using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

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
        return new FixedKey(new VerificationKey { Id = "", Key = new SymmetricSecurityKey(bytes), Algorithms = Algorithms.Secret(bytes.Length), Material = "" });
    }

    public void Start(TimeProvider time, ILogger logger) { }

    public VerificationKey? Find(string? kid, string algorithm) => key.Fits(algorithm) ? key : null;

    public Task RefetchAsync() => Task.CompletedTask;

    public void Dispose() { }
}
