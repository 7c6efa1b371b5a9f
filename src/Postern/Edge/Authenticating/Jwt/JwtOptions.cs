using System.Text;
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

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        string[] said = [.. new[] { Jwks is null ? null : "jwks", Discovery is null ? null : "discovery", Secret is null ? null : "secret", PublicKey is null ? null : "publicKey" }.OfType<string>()];
        if (said.Length == 0)
        {
            check.Error(this, "", "nothing says where the keys are that check its tokens; add jwks, discovery, secret or publicKey");
        }
        if (said.Length > 1)
        {
            check.Error(this, said[1], $"keys come from one place, got {string.Join(" and ", said)}; keep one");
        }
        if (Issuer is not null && Issuer.Contains("/.well-known/", StringComparison.Ordinal))
        {
            check.Error(this, "issuer", $"that is where something of the issuer is found, not what its tokens have in iss, got '{Issuer}'; write what stands before /.well-known/");
        }
        Audiences(check);
        Urls(check);
        string? problem = null;
        var pem = PublicKey is null ? null : PublicKeyPem.Read(PublicKey.Text, out problem);
        if (problem is not null)
        {
            check.Error(this, "publicKey", $"can't use '{PublicKey}': {problem}");
        }
        // What fits isn't known while the kind of key isn't.
        if (said.Length == 1 && problem is null)
        {
            Names(check, pem?.Kind);
        }
        if (KeepKeys < Refresh && PublicKey is null && Secret is null)
        {
            check.Error(this, "keepKeys", $"keys would be dropped before the next are fetched, got {Scalars.Format(KeepKeys)} with refresh {Scalars.Format(Refresh)}; write {Scalars.Format(Refresh)} or more");
        }
    }

    /// <summary>The algorithms that are accepted: those written, or what fits the kind of key.</summary>
    internal IReadOnlyList<string> Accepted()
    {
        if (Algorithms is { Count: > 0 })
        {
            return Algorithms;
        }
        if (Secret is not null)
        {
            return ["HS256"];
        }
        return PublicKey is null ? ["RS256", "ES256"] : PublicKeyPem.Read(PublicKey.Text, out _) is { } pem ? [Algorithm.For(pem.Kind)[0]] : [];
    }

    private void Audiences(Check check)
    {
        if (Audience is { Count: 0 })
        {
            check.Error(this, "audience", "at least one is needed, got an empty list; write audience: api.example.com");
        }
        for (var i = 0; i < Audience?.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(Audience[i]))
            {
                check.Error(this, $"audience[{i}]", "a name is needed, got an empty text; write what the issuer puts into aud");
            }
        }
    }

    private void Urls(Check check)
    {
        if (Jwks is not null && UrlProblem(Jwks, "https://auth.example.com/.well-known/jwks.json") is { } jwks)
        {
            check.Error(this, "jwks", jwks);
        }
        if (Discovery == "true")
        {
            if (Issuer is { Length: > 0 } && UrlProblem(Issuer, "https://auth.example.com") is not null)
            {
                check.Error(this, "discovery", $"its usual place is under the issuer, which must be an https URL for that, got issuer '{Issuer}'; write the issuer as its tokens have it, https://…, or here the URL of its OpenID configuration");
            }
        }
        else if (Discovery is not null && UrlProblem(Discovery, "true, or https://auth.example.com/.well-known/openid-configuration") is { } discovery)
        {
            check.Error(this, "discovery", discovery);
        }
    }

    private static string? UrlProblem(string url, string example)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Host.Length == 0)
        {
            return $"an https URL is needed, got '{url}'; write {example}";
        }
        if (uri.UserInfo.Length > 0)
        {
            return "a URL that holds no user and password is needed; leave them out"; // And is not shown.
        }
        if (uri.Fragment.Length > 0)
        {
            return $"a URL without '#' is needed, got '{url}'; leave out what begins there";
        }
        return uri.Scheme == "https" || uri.IsLoopback ? null : $"keys that come over http can be anyone's, got '{url}'; write https (http is for loopback)";
    }

    private void Names(Check check, KeyKind? pem)
    {
        if (Algorithms is { Count: 0 })
        {
            check.Error(this, "algorithms", "at least one is needed, got an empty list; leave it out for those that fit the kind of key");
        }
        for (var i = 0; i < Algorithms?.Count; i++)
        {
            if (NameProblem(Algorithms[i], pem) is { } problem)
            {
                check.Error(this, $"algorithms[{i}]", problem);
            }
            else if (Algorithms.Take(i).Contains(Algorithms[i]))
            {
                check.Error(this, $"algorithms[{i}]", $"'{Algorithms[i]}' is here already; remove one");
            }
        }
        // RFC 7518 §3.2: at least as long as the hash's output.
        var longest = Accepted().Select(Algorithm.Of).Where(a => a?.Kind == KeyKind.Secret).MaxBy(a => a!.HashBytes);
        if (Secret is not null && longest is not null && Encoding.UTF8.GetByteCount(Secret) is var got && got < longest.HashBytes)
        {
            check.Error(this, "secret", $"{longest.Name} takes at least {longest.HashBytes} bytes, got {got}; write a longer one: openssl rand -base64 {longest.HashBytes}");
        }
    }

    private string? NameProblem(string name, KeyKind? pem)
    {
        if (name.Equals("none", StringComparison.OrdinalIgnoreCase))
        {
            return $"a token without signature is anyone's, got '{name}'; it can't be accepted, remove it";
        }
        if (name.Equals("EdDSA", StringComparison.OrdinalIgnoreCase) || name.Equals("Ed25519", StringComparison.OrdinalIgnoreCase) || name.Equals("Ed448", StringComparison.OrdinalIgnoreCase))
        {
            return $"this platform has no Edwards curves, got '{name}'; let the issuer sign with ES256";
        }
        string[] fitting = Secret is not null ? Algorithm.For(KeyKind.Secret)
            : pem is { } kind ? Algorithm.For(kind) : [.. Algorithm.All.Where(a => a.Kind != KeyKind.Secret).Select(a => a.Name)];
        if (fitting.Contains(name))
        {
            return null;
        }
        if (Algorithm.Of(name) is not { } known)
        {
            return $"no algorithm named '{name}'{Nearest.Hint(name, fitting)} (accepted here: {string.Join(", ", fitting)})";
        }
        if (pem is { } held && known.Kind != KeyKind.Secret)
        {
            return $"{name} takes {Algorithm.Words(known.Kind)}, got {Algorithm.Words(held)} in '{PublicKey}'; write {string.Join(" or ", fitting)}";
        }
        return known.Kind == KeyKind.Secret
            ? $"{name} is for a shared secret; with a public key for its secret, anyone could sign; write {(pem is null ? "RS256 or ES256" : string.Join(" or ", fitting))}"
            : $"{name} is for a key pair, and secret is not one; write {string.Join(" or ", fitting)}";
    }
}
