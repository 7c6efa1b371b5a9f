using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.Tokens;
using Postern.Edge.Authenticating.Jwt.Keys;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt.Keys;

public sealed class KeySetTests
{
    private static readonly SigningKey Rsa = SigningKey.Make("rsa"), OtherRsa = SigningKey.Make("rsa2"), Ec = SigningKey.Make("ec", "ES256");

    [Fact]
    public void Each_kind_of_key_is_for_its_own_algorithms()
    {
        var set = Read(Without(Rsa.Jwk(), "alg"), Without(Ec.Jwk(), "alg"), SigningKey.Make("ec384", "ES384").Jwk(), SigningKey.Make("ec512", "ES512").Jwk());
        Assert.Empty(set.Skipped);
        Assert.All(new[] { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512" }, a => Assert.NotNull(set.Find("rsa", a)));
        Assert.NotNull(set.Find("ec", "ES256"));
        Assert.NotNull(set.Find("ec384", "ES384"));
        Assert.NotNull(set.Find("ec512", "ES512"));
        Assert.All(new[] { "ES256", "HS256", "none", "NONE", "rs256", "RS1", "" }, a => Assert.Null(set.Find("rsa", a)));
        Assert.All(new[] { "ES384", "ES512", "RS256", "HS256", "ES256K" }, a => Assert.Null(set.Find("ec", a)));
        Assert.Null(set.Find("ec384", "ES256"));
    }

    [Fact]
    public void A_key_that_names_its_algorithm_is_for_no_other()
    {
        var set = Read(With(Rsa.Jwk(), "alg", "PS384"));
        Assert.NotNull(set.Find("rsa", "PS384"));
        Assert.Null(set.Find("rsa", "RS256"));
        Assert.Null(set.Find("rsa", "PS256"));
    }

    [Fact]
    public void The_key_verifies_what_it_signed_and_nothing_else()
    {
        foreach (var (signer, other) in new[] { (Rsa, OtherRsa), (Ec, SigningKey.Make("ec", "ES256")) })
        {
            var key = Read(signer.Jwk()).Find(signer.Kid, signer.Algorithm)!;
            Assert.True(Verifies(key, signer.Sign("{}", "{}"), signer.Algorithm));
            Assert.False(Verifies(key, other.Sign("{}", "{}"), signer.Algorithm));
        }
    }

    [Fact]
    public void A_token_without_kid_means_the_only_key_that_fits()
    {
        var set = Read(Rsa.Jwk(), Ec.Jwk());
        Assert.Equal("rsa", set.Find(null, "RS256")!.Id);
        Assert.Equal("ec", set.Find("", "ES256")!.Id);
        Assert.Null(set.Find(null, "PS256"));
        Assert.Null(Read(Rsa.Jwk(), OtherRsa.Jwk()).Find(null, "RS256"));
    }

    [Fact]
    public void A_kid_is_exact_and_a_key_without_one_is_never_named()
    {
        var set = Read(Rsa.Jwk(), Without(Ec.Jwk(), "kid"));
        Assert.Null(set.Find("RSA", "RS256"));
        Assert.Null(set.Find("rsa ", "RS256"));
        Assert.Null(set.Find("other", "ES256"));
        Assert.NotNull(set.Find(null, "ES256"));
    }

    public static TheoryData<string, JsonNode> Unusable => new()
    {
        { "a shared secret has no place in a key set", SigningKey.FromSecret(new string('x', 64), kid: "bad").Jwk() },
        { "its kty is neither RSA nor EC", Bad("kty", "OKP") },
        { "its kty is neither RSA nor EC", Bad("kty", "rsa") },
        { "its kty is neither RSA nor EC", Without(Bad(), "kty") },
        { "its private part is published, so anyone can sign with it", Rsa.As("bad").Jwk(withPrivate: true) },
        { "its private part is published, so anyone can sign with it", Ec.As("bad").Jwk(withPrivate: true) },
        { "its use is not sig", Bad("use", "enc") },
        { "its key_ops has no verify", Bad("key_ops", new JsonArray("sign", 7)) },
        { "its key_ops has no verify", Bad("key_ops", "verify") },
        { "its alg is not one that verifies signatures with a key of its kind", Bad("alg", "RSA-OAEP") },
        { "its alg is not one that verifies signatures with a key of its kind", Bad("alg", "HS256") },
        { "its alg is not one that verifies signatures with a key of its kind", Bad("alg", "ES256") },
        { "its alg is not one that verifies signatures with a key of its kind", Bad("alg", "none") },
        { "its kid, kty, use or alg is not a text", Bad("alg", 256) },
        { "its kid, kty, use or alg is not a text", Bad("use", null) },
        { "an RSA key of 1024 bits is too weak, 2048 are needed", SigningKey.Make("bad", "RS256", 1024).Jwk() },
        { "an RSA key of 2047 bits is too weak, 2048 are needed", Bad("n", SigningKey.Encode([0, 0, 0x7f, .. new byte[254], 1])) },
        { "an RSA key of 8193 bits is too large, at most 8192", Bad("n", SigningKey.Encode([1, .. new byte[1023], 1])) },
        { "its numbers are no RSA key", Bad("e", "AQ") },
        { "its numbers are no RSA key", Bad("e", "AAAB") },
        { "its numbers are no RSA key", Bad("e", "Ag") },
        { "its numbers are no RSA key", Bad("e", "") },
        { "its numbers are no RSA key", Bad("n", SigningKey.Encode([0x80, .. new byte[255]])) },
        { "an RSA key of 0 bits is too weak, 2048 are needed", Bad("n", "") },
        { "its n or e is not base64url", Bad("n", "!!!") },
        { "its n or e is not base64url", Without(Bad(), "e") },
        { "its curve is not P-256, P-384 or P-521", With(Ec.As("bad").Jwk(), "crv", "secp256k1") },
        { "its curve is not P-256, P-384 or P-521", Without(Ec.As("bad").Jwk(), "crv") },
        { "coordinates on P-521 are 66 bytes long", With(Ec.As("bad").Jwk(), "crv", "P-521") },
        { "its point is not on P-256", With(Ec.As("bad").Jwk(), "y", SigningKey.Encode([.. new byte[31], 7])) },
        { "its crv is not a text, or its x or y not base64url", Without(Ec.As("bad").Jwk(), "y") },
    };

    [Theory]
    [MemberData(nameof(Unusable))]
    public void What_cannot_be_used_is_skipped_and_spoils_nothing(string reason, JsonNode key)
    {
        var set = Read(key, Rsa.Jwk());
        Assert.Equal("rsa", Assert.Single(set.Keys).Id);
        Assert.EndsWith($": {reason}", Assert.Single(set.Skipped));
        Assert.Null(set.Find("bad", "RS256"));
        Assert.Null(set.Find("bad", "ES256"));
        Assert.Null(set.Find("bad", "HS256"));
    }

    [Fact]
    public void What_is_no_object_is_skipped_too() => Assert.Equal("keys[0]: not a key", Assert.Single(Read(JsonValue.Create("k"), Rsa.Jwk()).Skipped));

    [Fact]
    public void A_kid_is_quoted_so_that_it_cannot_write_lines_of_a_log()
    {
        var note = Assert.Single(Read(With(Rsa.As("a\r\n\u001b[31mb" + new string('x', 500)).Jwk(), "use", "enc"), Rsa.Jwk()).Skipped);
        Assert.StartsWith("'a???[31mbxxx", note);
        Assert.True(note.Length < 150);
    }

    [Fact]
    public void Of_two_keys_with_one_kid_the_algorithm_tells()
    {
        var set = Read(Rsa.As("k").Jwk(), Ec.As("k").Jwk(), OtherRsa.As("k", "PS256").Jwk());
        Assert.Empty(set.Skipped);
        Assert.IsType<RsaSecurityKey>(set.Find("k", "RS256")!.Key);
        Assert.Equal("EC", Assert.IsType<JsonWebKey>(set.Find("k", "ES256")!.Key).Kty);
        Assert.NotSame(set.Find("k", "RS256"), set.Find("k", "PS256"));
    }

    [Fact]
    public void Where_nothing_tells_neither_is_used()
    {
        var set = Read(Rsa.As("k").Jwk(), OtherRsa.As("k").Jwk(), Ec.Jwk());
        Assert.Null(set.Find("k", "RS256"));
        Assert.NotNull(set.Find("ec", "ES256"));
        Assert.Equal("'k': another key has the same kid and algorithm", Assert.Single(set.Skipped));
    }

    [Fact]
    public void The_same_key_twice_is_one_key() => Assert.Single(Read(Rsa.Jwk(), Rsa.Jwk()).Keys);

    [Fact]
    public void A_key_that_stays_is_the_same_object()
    {
        var before = Read(Rsa.Jwk(), Ec.Jwk());
        var after = Read([Ec.Jwk(), OtherRsa.Jwk()], before.Keys);
        Assert.Same(before.Find("ec", "ES256"), after.Find("ec", "ES256"));
        Assert.NotSame(before.Find("rsa", "RS256"), Read([OtherRsa.As("rsa").Jwk()], before.Keys).Find("rsa", "RS256"));
        Assert.NotSame(before.Find("rsa", "RS256"), Read([Without(Rsa.Jwk(), "alg")], before.Keys).Find("rsa", "RS256"));
    }

    [Theory]
    [InlineData("""{"keys":[]}""", "it has no keys")]
    [InlineData("""{"keys":{}}""", "it is no key set: it has no list named keys")]
    [InlineData("""{"Keys":[]}""", "it is no key set: it has no list named keys")]
    [InlineData("""{}""", "it is no key set: it has no list named keys")]
    [InlineData("""{"keys":[null,{"kid":"a","kty":"oct","k":"AA"}]}""", "none of its 2 keys can be used: keys[0]: not a key")]
    public void A_set_without_a_key_to_use_is_none(string text, string reason)
    {
        using var document = JsonDocument.Parse(text);
        Assert.Null(KeySet.Read(document.RootElement, [], out var problem));
        Assert.Equal(reason, problem);
    }

    [Fact]
    public void A_set_with_too_many_keys_is_not_read()
    {
        JsonNode[] many = [.. Enumerable.Range(0, KeySet.MaxKeys + 1).Select(i => Rsa.As($"k{i}").Jwk())];
        using var document = JsonDocument.Parse(new JsonObject { ["keys"] = new JsonArray(many) }.ToJsonString());
        Assert.Null(KeySet.Read(document.RootElement, [], out var problem));
        Assert.Equal("it has more than 200 keys", problem);
        Assert.Equal(200, Read([.. many.Take(200).Select(k => k.DeepClone())]).Keys.Count);
    }

    private static KeySet Read(params JsonNode?[] keys) => Read(keys, []);

    private static KeySet Read(JsonNode?[] keys, IReadOnlyList<VerificationKey> known)
    {
        using var document = JsonDocument.Parse(new JsonObject { ["keys"] = new JsonArray(keys) }.ToJsonString());
        return KeySet.Read(document.RootElement, known, out var problem) ?? throw new InvalidOperationException(problem);
    }

    internal static bool Verifies(VerificationKey key, string token, string algorithm)
    {
        var end = token.LastIndexOf('.');
        var provider = new CryptoProviderFactory { CacheSignatureProviders = false }.CreateForVerifying(key.Key, algorithm);
        return provider.Verify(System.Text.Encoding.ASCII.GetBytes(token[..end]), Base64UrlEncoder.DecodeBytes(token[(end + 1)..]));
    }

    private static JsonObject Bad() => Without(Rsa.As("bad").Jwk(), "alg");

    private static JsonObject Bad(string member, JsonNode? value) => With(Bad(), member, value);

    private static JsonObject With(JsonObject key, string member, JsonNode? value)
    {
        key[member] = value;
        return key;
    }

    private static JsonObject Without(JsonObject key, string member)
    {
        key.Remove(member);
        return key;
    }
}
