using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Postern.Config;
using Postern.Edge.ForwardingIdentity;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.ForwardingIdentity;

/// <summary>The gateway's tokens, verified by another implementation against the keys that are published.</summary>
public sealed class TokenMintTests
{
    private readonly OneRoute at = new();
    private readonly SteppedTime time = new();

    public TokenMintTests() => time.Advance(TimeSpan.FromDays(20_000));

    [Fact]
    public async Task A_token_says_who_calls_and_how_that_is_known()
    {
        var mint = Mint(new() { Issuer = "https://api.example.com", Audience = ["internal"] });
        var token = mint.Token(Someone("a\"li\u00e7e", tier: "pro", issuer: "https://auth.example.com", scopes: ["orders.read", "orders.write"], roles: ["staff", "a,b c"]), "web")!.Token;
        var read = await VerifyAsync(mint, token);
        Assert.Equal(("ES256", "JWT"), (read.Alg, read.Typ));
        var says = Payload(read);
        Assert.Equal(["aud", "exp", "gate", "iat", "idp", "iss", "roles", "scope", "sub", "tier", "way"], says.EnumerateObject().Select(p => p.Name).Order());
        Assert.Equal("a\"li\u00e7e", says.GetProperty("sub").GetString());
        Assert.Equal("orders.read orders.write", says.GetProperty("scope").GetString());
        Assert.Equal(["staff", "a,b c"], says.GetProperty("roles").EnumerateArray().Select(r => r.GetString()!));
        Assert.Equal(("pro", "https://auth.example.com", "customers", "web", "internal"),
            (Text(says, "tier"), Text(says, "idp"), Text(says, "way"), Text(says, "gate"), Text(says, "aud")));
        Assert.Equal(time.GetUtcNow().ToUnixTimeSeconds(), says.GetProperty("iat").GetInt64());
        Assert.Equal(60, says.GetProperty("exp").GetInt64() - says.GetProperty("iat").GetInt64());
    }

    [Fact]
    public async Task What_is_not_known_is_not_said()
    {
        var mint = Mint(new() { Issuer = "i", Audience = ["a", "b"] });
        var read = await VerifyAsync(mint, mint.Token(Someone("acme"), "web")!.Token);
        Assert.Equal(["aud", "exp", "gate", "iat", "iss", "sub", "way"], Payload(read).EnumerateObject().Select(p => p.Name).Order());
        Assert.Equal(["a", "b"], read.Audiences);
    }

    [Fact]
    public void A_scope_with_a_space_is_no_scope()
    {
        var mint = Mint(new() { Issuer = "i" });
        var token = mint.Token(Someone("acme", scopes: ["read", "admin write", ""]), "web")!.Token;
        Assert.Equal("read", Text(Payload(new JsonWebToken(token)), "scope"));
    }

    [Theory]
    [InlineData("10s", 8333), InlineData("60s", 49_999), InlineData("1h", 3_589_999)]
    public void One_token_serves_until_shortly_before_its_end(string lifetime, int milliseconds)
    {
        var mint = Mint(new() { Issuer = "i", Lifetime = (TimeSpan)Scalars.Parse(typeof(TimeSpan), lifetime)! });
        var first = mint.Token(Someone("alice"), "web")!.Token;
        time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        Assert.Equal(first, mint.Token(Someone("alice"), "web")!.Token);
        time.Advance(TimeSpan.FromMilliseconds(1));
        var second = mint.Token(Someone("alice"), "web")!.Token;
        Assert.NotEqual(first, second);
        Assert.Equal(new JsonWebToken(first).IssuedAt.AddMilliseconds(milliseconds + 1), new JsonWebToken(second).IssuedAt, TimeSpan.FromSeconds(1));
        Assert.Equal(2, Minted);
    }

    [Fact]
    public void Who_differs_in_anything_gets_a_token_of_its_own_and_who_does_not_shares_one()
    {
        var mint = Mint(new() { Issuer = "i" });
        Consumer[] all =
        [
            Someone("a"), Someone("b"), Someone("a", way: "partners"), Someone("a", issuer: "x"), Someone("a", tier: "x"), Someone("a", tier: ""),
            Someone("a", scopes: ["x"]), Someone("a", scopes: ["x", "y"]), Someone("a", roles: ["x"]), Someone("a", roles: ["x", "y"]), Someone("a", roles: ["x\",\"y"]),
            Someone("a", scopes: ["x"], roles: ["x"]), Someone("a\",\"tier\":\"x"),
        ];
        string[] tokens = [.. all.Select(c => mint.Token(c, "web")!.Token), mint.Token(Someone("a"), "mobile")!.Token];
        Assert.Equal(tokens.Length, tokens.Distinct().Count());
        Assert.Equal(tokens.Length, tokens.Select(t => Payload(new JsonWebToken(t)).GetRawText()).Distinct().Count());
        Assert.Equal(tokens.Length, Minted);
        Assert.Equal(tokens[..^1], all.Select(c => mint.Token(c, "web")!.Token));
        Assert.Equal(tokens[0], mint.Token(Someone("a"), "web")!.Token);
        Assert.Equal(tokens.Length, Minted);
    }

    [Fact]
    public async Task However_many_ask_at_once_one_is_minted()
    {
        var mint = Mint(new() { Issuer = "i" });
        for (var round = 0; round < 20; round++)
        {
            using var start = new Barrier(8);
            var id = $"user-{round}";
            var tokens = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Factory.StartNew(() =>
            {
                start.SignalAndWait(TimeSpan.FromSeconds(10));
                return mint.Token(Someone(id), "web")!.Token;
            }, TaskCreationOptions.LongRunning)));
            Assert.Single(tokens.Distinct());
            Assert.Equal(round + 1, Minted);
        }
    }

    [Fact]
    public void A_token_too_long_to_send_is_not_made()
    {
        var mint = Mint(new() { Issuer = "i" });
        Assert.NotNull(mint.Token(Someone("a", roles: [.. Enumerable.Range(0, 200).Select(i => $"role-{i:D8}")]), "web"));
        Assert.Null(mint.Token(Someone("a", roles: [.. Enumerable.Range(0, 300).Select(i => $"role-{i:D8}")]), "web"));
    }

    [Fact]
    public async Task A_verifier_that_keeps_its_copy_of_the_keys_never_meets_an_unknown_one()
    {
        var (first, second) = (Pem(), Pem());
        var mint = Mint(new() { Issuer = "i", Key = [first] });
        var (copy, taken) = (mint.KeySet(), time.GetUtcNow());
        var kids = new HashSet<string>();
        for (var i = 0; i < 30 * 60 / 5; i++)
        {
            if (i == 60)
            {
                mint = Mint(new() { Issuer = "i", Key = [second] });
            }
            var token = mint.Token(Someone("alice"), "web")!.Token;
            kids.Add((await VerifyAsync(copy, token, time.GetUtcNow())).Kid);
            // The last to see it: a token in the last second that its verifier grants it, against a fresh copy.
            await VerifyAsync(mint.KeySet(), token, time.GetUtcNow());
            time.Advance(TimeSpan.FromSeconds(5));
            if (time.GetUtcNow() - taken >= KeyRing.MaxAge)
            {
                (copy, taken) = (mint.KeySet(), time.GetUtcNow());
            }
        }
        Assert.Equal(2, kids.Count);
    }

    [Fact]
    public void A_reload_that_changes_nothing_keeps_tokens_and_keys()
    {
        var options = new IdentityTokenOptions { Issuer = "i" };
        var (mint, keys) = (Mint(options), "");
        var token = mint.Token(Someone("alice"), "web")!.Token;
        keys = Convert.ToBase64String(mint.KeySet());
        Assert.Same(mint, Mint(options with { }));
        Assert.Equal(token, mint.Token(Someone("alice"), "web")!.Token);
        // Another issuer is another mint, and the key that was made goes on.
        var other = Mint(options with { Issuer = "other" });
        Assert.NotSame(mint, other);
        Assert.Equal(keys, Convert.ToBase64String(other.KeySet()));
        Assert.Equal("other", new JsonWebToken(other.Token(Someone("alice"), "web")!.Token).Issuer);
    }

    [Fact]
    public void A_request_that_comes_before_the_reload_has_begun_its_work_gets_a_token_too()
    {
        var mint = TokenMint.Of(at.Scope(), new() { Issuer = "i" });
        Assert.NotNull(mint.Token(Someone("alice"), "web"));
        Assert.NotEmpty(JsonDocument.Parse(mint.KeySet()).RootElement.GetProperty("keys").EnumerateArray());
    }

    private long Minted => MetricRegistry.Of(at.State).Counter("postern_identity_tokens_minted_total", "").Value;

    /// <summary>The mint as a reload to these options brings it.</summary>
    private TokenMint Mint(IdentityTokenOptions options)
    {
        var mint = TokenMint.Of(at.Scope(), options);
        _ = MetricRegistry.Of(at.State);
        at.State.Start(time, NullLogger.Instance);
        at.State.Commit();
        return mint;
    }

    private static FileText Pem()
    {
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        return new FileText("key.pem", key.ExportPkcs8PrivateKeyPem());
    }

    private Task<JsonWebToken> VerifyAsync(TokenMint mint, string token) => VerifyAsync(mint.KeySet(), token, time.GetUtcNow());

    private static async Task<JsonWebToken> VerifyAsync(byte[] keySet, string token, DateTimeOffset now)
    {
        var result = await new JsonWebTokenHandler().ValidateTokenAsync(token, new TokenValidationParameters
        {
            IssuerSigningKeys = JsonWebKeySet.Create(System.Text.Encoding.UTF8.GetString(keySet)).GetSigningKeys(),
            TryAllIssuerSigningKeys = false,
            ValidAlgorithms = ["ES256"],
            ValidTypes = ["JWT"],
            ValidateIssuer = false,
            ValidateAudience = false,
            LifetimeValidator = (_, expires, _, _) => now < expires,
        });
        Assert.True(result.IsValid, result.Exception?.ToString());
        return (JsonWebToken)result.SecurityToken;
    }

    private static JsonElement Payload(JsonWebToken token) => JsonDocument.Parse(Base64UrlEncoder.Decode(token.EncodedPayload)).RootElement;

    private static string Text(JsonElement says, string name) => says.GetProperty(name).GetString()!;

    private static Consumer Someone(string id, string way = "customers", string? issuer = null, string? tier = null, string[]? scopes = null, string[]? roles = null) => new()
    {
        Id = id, Way = way, Issuer = issuer, Tier = tier, Scopes = scopes ?? [], Roles = roles ?? [], Claims = JsonDocument.Parse("{}").RootElement,
    };
}
