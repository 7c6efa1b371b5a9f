using Postern.Config;

namespace Postern.Edge.Authenticating.Jwt;

/// <summary>Signed tokens of one issuer (RFC 7519), and where the keys are that check them: exactly one of <c>jwks</c>, <c>discovery</c>, <c>secret</c> and <c>publicKey</c>.</summary>
public sealed record JwtOptions : Options
{
    /// <summary>The exact <c>iss</c> of its tokens.</summary>
    [Needed(Example = "https://auth.example.com")] public string? Issuer { get; init; }

    /// <summary>What <c>aud</c> must name: one of these.</summary>
    [Needed(Example = "api.example.com"), OneOrMany] public IReadOnlyList<string>? Audience { get; init; }

    /// <summary>URL of the issuer's key set (RFC 7517). https, or http on loopback.</summary>
    public string? Jwks { get; init; }

    /// <summary>URL of the issuer's OpenID configuration, which names the key set; <c>true</c> for its usual place under <c>issuer</c>.</summary>
    public string? Discovery { get; init; }

    /// <summary>The secret that issuer and gateway share, for HS256, HS384 and HS512; at least as long as the hash.</summary>
    [Secret] public string? Secret { get; init; }

    /// <summary>A file with the issuer's public key or certificate, PEM.</summary>
    public FileText? PublicKey { get; init; }

    /// <summary>Algorithms that are accepted, of RS256 … RS512, PS256 … PS512, ES256 … ES512, and with <c>secret</c> HS256 … HS512.
    /// Default: those that fit the kind of key: RS256 and ES256 for key sets, HS256 for a secret, the key's own for a public key.</summary>
    [OneOrMany] public IReadOnlyList<string>? Algorithms { get; init; }

    /// <summary>How often the key set is fetched anew, give or take a tenth.</summary>
    [Range("10s", "24h")] public TimeSpan Refresh { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long the last good key set serves on while no newer one can be fetched.</summary>
    [Range("1m", "168h")] public TimeSpan KeepKeys { get; init; } = TimeSpan.FromHours(24);

    /// <summary>By how much the issuer's clock and ours may differ.</summary>
    [Range("0", "60s")] public TimeSpan ClockSkew { get; init; } = TimeSpan.FromSeconds(30);
}
