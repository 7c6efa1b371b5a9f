using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;
using Postern.Edge.Authenticating.Jwt.Keys;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authenticating.Jwt;

/// <summary>
/// Knows callers by signed tokens of one issuer. A token that was good is remembered by its digest until it ends or its key is
/// withdrawn. Any other is first held against everything that needs no key; then the one key that it names and that fits its
/// algorithm verifies it, once for all requests that carry it, on the thread pool. No key is tried because another failed, and
/// what is bad is not remembered, so a flood of it can't push out what is good.
/// </summary>
internal sealed class JwtWay : Way
{
    /// <summary>So many good tokens are remembered: at 1 KB of claims some 50 MB.</summary>
    private const int Remembered = 20_000;

    /// <summary>So many different tokens are verified at once: with two cores the last waits 50 ms.</summary>
    private const int AtOnce = 2_000;

    private readonly BoundedCache<Digest, Good> known = new(Remembered);
    private readonly SingleFlight flights = new(AtOnce);
    private readonly FailureBudget budget = new();
    private readonly IKeySource keys;
    private readonly TokenRules rules;
    private readonly TokenConsumer consumers;
    private readonly Counter verified, forged, unfit, unknownKey, overBudget, unavailable;

    /// <summary>Makes the way. Its keys have a life of their own, longer than its: a change of what it asks of tokens fetches nothing.</summary>
    public JwtWay(string name, JwtOptions options, ClaimOptions claims, MetricRegistry metrics, IKeySource keys) : base(name)
    {
        this.keys = keys;
        Issuer = options.Issuer ?? "";
        Algorithms = options.Accepted();
        rules = new TokenRules(Issuer, options.Audience ?? [], Algorithms, options.ClockSkew, new ClaimPath(claims.Id));
        consumers = new TokenConsumer(name, claims);
        Summary = $"jwt from {Issuer} for {string.Join(" or ", options.Audience ?? [])}, {string.Join(" or ", Algorithms)}";
        Counter Outcome(string outcome) => metrics.Counter("postern_jwt_verifications_total", "Tokens that were not known yet, by what came of them.", ("identity", name), ("outcome", outcome));
        (verified, forged, unfit) = (Outcome("verified"), Outcome("forged"), Outcome("unfit"));
        (unknownKey, overBudget, unavailable) = (Outcome("unknown_key"), Outcome("over_budget"), Outcome("unavailable"));
    }

    /// <summary>The exact <c>iss</c> of its tokens.</summary>
    public string Issuer { get; }

    /// <summary>The algorithms it accepts.</summary>
    public IReadOnlyList<string> Algorithms { get; }

    /// <inheritdoc/>
    public override string Summary { get; }

    /// <inheritdoc/>
    public override string? NotReady => keys.NotReady;

    /// <inheritdoc/>
    public override Consumer? Find(in Digest digest)
    {
        if (known.Find(digest) is not { } good)
        {
            return null;
        }
        if (!good.Key.Retired && Time.GetUtcNow().UtcTicks < good.Until)
        {
            return good.Consumer;
        }
        known.Remove(digest);
        return null;
    }

    /// <inheritdoc/>
    public override ValueTask<Verdict> JudgeAsync(string credential, Digest digest, string client)
    {
        // First, so that a flood of forged tokens isn't even taken apart.
        if (budget.IsSpent(client, Time))
        {
            overBudget.Add();
            return new(Verdict.Refused(Failure.InvalidToken, "Too many tokens with bad signatures came from this address; the token was not looked at.", "the address has spent its budget of bad signatures", retryAfter: 1));
        }
        if (rules.Check(credential, Time.GetUtcNow().UtcTicks, out var token) is { } fault)
        {
            unfit.Add();
            return new(Verdict.Refused(Failure.InvalidToken, fault.Detail, fault.Reason));
        }
        if (keys.NotReady is { } why)
        {
            unavailable.Add();
            return new(Verdict.Unavailable(why, keys.RetryAfter));
        }
        return keys.Find(token.KeyId, token.Algorithm.Name) is { } key ? VerifyAsync(token, key, digest, client) : RefetchAsync(token, digest, client);
    }

    /// <summary>The issuer may have begun to sign with a key that it published after the last look.</summary>
    private async ValueTask<Verdict> RefetchAsync(CheckedToken token, Digest digest, string client)
    {
        await keys.RefetchAsync();
        if (keys.Find(token.KeyId, token.Algorithm.Name) is { } key)
        {
            return await VerifyAsync(token, key, digest, client);
        }
        unknownKey.Add();
        return Verdict.Refused(Failure.InvalidToken, "The token's key is not known.",
            token.KeyId is null ? "the token names no key, and not exactly one fits its algorithm" : "no key has the token's kid and fits its algorithm");
    }

    private ValueTask<Verdict> VerifyAsync(CheckedToken token, VerificationKey key, Digest digest, string client)
    {
        if (flights.Join(digest, () => Task.FromResult(Verify(token, key, digest, client))) is { } flight)
        {
            return new(flight);
        }
        unavailable.Add();
        return new(Verdict.Unavailable("too many tokens are being verified", 1));
    }

    private Verdict Verify(CheckedToken token, VerificationKey key, Digest digest, string client)
    {
        // Another flight may have landed after this request had looked.
        if (Find(digest) is { } found)
        {
            return Verdict.Known(found);
        }
        if (!IsSigned(token, key.Key, out var reason))
        {
            budget.Take(client, Time);
            forged.Add();
            return Verdict.Refused(Failure.InvalidToken, "The token's signature is not valid.", reason);
        }
        var good = new Good(consumers.Of(token.Token.Payload, Issuer), key, token.Until);
        known.Set(digest, good);
        verified.Add();
        return Verdict.Known(good.Consumer);
    }

    /// <summary>Whether this key, with this algorithm and no other, made the signature.</summary>
    private static bool IsSigned(in CheckedToken token, SecurityKey key, out string reason)
    {
        reason = "the signature does not verify";
        // RFC 8017 §8.2.2: the length is the modulus's.
        if (token.Algorithm.Kind == KeyKind.Rsa && token.Token.Signature.Length != (key.KeySize + 7) / 8)
        {
            return false;
        }
        var signed = new byte[token.Token.SignedLength];
        Encoding.ASCII.GetBytes(token.Token.Signed, signed);
        try
        {
            var provider = key.CryptoProviderFactory.CreateForVerifying(key, token.Algorithm.Name);
            try
            {
                return provider.Verify(signed, token.Token.Signature);
            }
            finally
            {
                key.CryptoProviderFactory.ReleaseSignatureProvider(provider);
            }
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or InvalidOperationException or NotSupportedException)
        {
            // A key that its issuer published damaged: a point that is not on its curve.
            reason = $"the key can't verify signatures ({e.GetType().Name})";
            return false;
        }
    }

    /// <summary>A token that was good, and for how long.</summary>
    private sealed record Good(Consumer Consumer, VerificationKey Key, long Until);
}
