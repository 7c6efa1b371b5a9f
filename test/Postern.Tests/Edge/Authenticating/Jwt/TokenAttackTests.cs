using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Postern.Edge.Authenticating;
using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt;

/// <summary>
/// What must not get in, each with a signature as sound as the attack allows, so that the check in question is what stops it.
/// The third column is what the log says; <see cref="Forged"/> means that a signature had to be computed.
/// </summary>
public sealed class TokenAttackTests
{
    private const string OtherAlgorithm = "alg is not one of the accepted algorithms", Forged = "the signature does not verify", NoKey = "no key has the token's kid and fits its algorithm";

    private static readonly SigningKey Rsa = SigningKey.Make("r"), Ec = SigningKey.Make("e", "ES256"), Secret = SigningKey.Make("s", "HS256");

    private static readonly Dictionary<string, (Func<Issuer, string> Token, string Reason)> Attacks = new()
    {
        // No signature, or one of another algorithm.
        ["alg none"] = (i => Unsigned(i, "none"), OtherAlgorithm),
        ["alg None"] = (i => Unsigned(i, "None"), OtherAlgorithm),
        ["alg NONE"] = (i => Unsigned(i, "NONE"), OtherAlgorithm),
        ["alg nOnE with a signature"] = (i => i.Token(Rsa, header: new() { ["alg"] = "nOnE" }), OtherAlgorithm),
        ["alg in lower case"] = (i => i.Token(Rsa, header: new() { ["alg"] = "rs256" }), OtherAlgorithm),
        ["alg with a space"] = (i => i.Token(Rsa, header: new() { ["alg"] = "RS256 " }), OtherAlgorithm),
        ["alg missing"] = (i => i.Token(Rsa, header: new() { ["alg"] = null }), "the header has no alg, or it is no text"),
        ["alg a list"] = (i => i.Token(Rsa, header: new() { ["alg"] = new JsonArray("RS256") }), "the header has no alg, or it is no text"),
        ["alg a number"] = (i => i.Token(Rsa, header: new() { ["alg"] = 256 }), "the header has no alg, or it is no text"),
        ["alg EdDSA"] = (i => i.Token(Rsa, header: new() { ["alg"] = "EdDSA" }), OtherAlgorithm),
        ["alg not on the list"] = (i => i.Token(Rsa.As(algorithm: "RS512")), OtherAlgorithm),
        ["HS256 with the public key's PEM"] = (i => Confused(i, Rsa.Pem), NoKey),
        ["HS256 with the public key's PEM, no last newline"] = (i => Confused(i, Rsa.Pem.TrimEnd()), NoKey),
        ["HS256 with the public key's DER"] = (i => Confused(i, Der(Rsa.Pem)), NoKey),
        ["HS256 with the public key's PKCS#1"] = (i => Confused(i, Rsa.Pkcs1Pem), NoKey),
        ["HS256 with the modulus"] = (i => Confused(i, Rsa.Jwk()["n"]!.GetValue<string>()), NoKey),
        ["HS256 with the public key's PEM and no kid"] = (i => Confused(i, Encoding.UTF8.GetBytes(Rsa.Pem), null), Forged),
        ["HS256 with an empty secret"] = (i => Confused(i, ""), NoKey),

        // Keys that the token chooses or brings.
        ["kid of an EC key for RS256"] = (i => i.Token(Rsa, header: new() { ["kid"] = "e" }), NoKey),
        ["kid of an RSA key for ES256"] = (i => i.Token(Ec, header: new() { ["kid"] = "r" }), NoKey),
        ["kid of another RSA key"] = (i => i.Token(Rsa, header: new() { ["kid"] = "r2" }), Forged),
        ["kid unknown"] = (i => i.Token(Rsa, header: new() { ["kid"] = "x" }), NoKey),
        ["kid in upper case"] = (i => i.Token(Rsa, header: new() { ["kid"] = "R" }), NoKey),
        ["kid empty"] = (i => i.Token(Rsa, header: new() { ["kid"] = "" }), NoKey),
        ["kid a path"] = (i => i.Token(Rsa, header: new() { ["kid"] = "../../../dev/null" }), NoKey),
        ["kid SQL"] = (i => i.Token(Rsa, header: new() { ["kid"] = "x' UNION SELECT 'key" }), NoKey),
        ["kid with a NUL"] = (i => i.Token(Rsa, header: new() { ["kid"] = "r\0" }), NoKey),
        ["kid a number"] = (i => i.Token(Rsa, header: new() { ["kid"] = 1 }), "kid is no text"),
        ["kid null"] = (i => Rsa.Sign("""{"alg":"RS256","kid":null}""", i.Claims().ToJsonString()), "kid is no text"),
        ["jwk in the header"] = (i => i.Token(Stranger(), header: new() { ["jwk"] = Stranger().Jwk() }), Forged),
        ["jku in the header"] = (i => i.Token(Stranger(), header: new() { ["jku"] = "http://127.0.0.1:1/jwks.json" }), Forged),
        ["x5u in the header"] = (i => i.Token(Stranger(), header: new() { ["x5u"] = "http://127.0.0.1:1/cert.pem" }), Forged),
        ["x5c in the header"] = (i => i.Token(Stranger(), header: new() { ["x5c"] = new JsonArray(Convert.ToBase64String(Encoding.ASCII.GetBytes(Stranger().Certificate()))) }), Forged),

        // Headers.
        ["crit"] = (i => i.Token(Rsa, header: new() { ["crit"] = new JsonArray("exp") }), "crit is present"),
        ["crit empty"] = (i => i.Token(Rsa, header: new() { ["crit"] = new JsonArray() }), "crit is present"),
        ["crit null"] = (i => Rsa.Sign("""{"alg":"RS256","kid":"r","crit":null}""", i.Claims().ToJsonString()), "crit is present"),
        ["b64 false"] = (i => i.Token(Rsa, header: new() { ["b64"] = false, ["crit"] = new JsonArray("b64") }), "crit is present"),
        ["typ of a logout token"] = (i => i.Token(Rsa, header: new() { ["typ"] = "logout+jwt" }), "typ is neither JWT nor at+jwt"),
        ["typ of a proof of possession"] = (i => i.Token(Rsa, header: new() { ["typ"] = "dpop+jwt" }), "typ is neither JWT nor at+jwt"),
        ["typ empty"] = (i => i.Token(Rsa, header: new() { ["typ"] = "" }), "typ is neither JWT nor at+jwt"),
        ["typ a list"] = (i => i.Token(Rsa, header: new() { ["typ"] = new JsonArray("JWT") }), "typ is neither JWT nor at+jwt"),
        ["header a list"] = (i => Rsa.Sign("[]", i.Claims().ToJsonString()), "the header is not a JSON object"),
        ["header with alg twice"] = (i => Rsa.Sign("""{"alg":"none","kid":"r","alg":"RS256"}""", i.Claims().ToJsonString()), "the header has a name twice"),
        ["header with an escaped alg twice"] = (i => Rsa.Sign("""{"alg":"RS256","kid":"r","\u0061lg":"none"}""", i.Claims().ToJsonString()), "the header has a name twice"),
        ["header with a comment"] = (i => Rsa.Sign("""{"alg":"RS256"/**/,"kid":"r"}""", i.Claims().ToJsonString()), "the header is not JSON, or nested deeper than 32"),
        ["header with ALG only"] = (i => Rsa.Sign("""{"ALG":"RS256","kid":"r"}""", i.Claims().ToJsonString()), "the header has no alg, or it is no text"),
        ["header in UTF-16"] = (i => Raw(Encoding.Unicode.GetBytes("""{"alg":"HS256"}"""), Encoding.UTF8.GetBytes(i.Claims().ToJsonString())), "the header is not JSON, or nested deeper than 32"),

        // Issuer, audience, id.
        ["iss of another"] = (i => Claim(i, "iss", "https://evil.example.com"), "iss is not the configured issuer"),
        ["iss with a slash more"] = (i => Claim(i, "iss", Issuer.Name + "/"), "iss is not the configured issuer"),
        ["iss in upper case"] = (i => Claim(i, "iss", Issuer.Name.ToUpperInvariant()), "iss is not the configured issuer"),
        ["iss missing"] = (i => Claim(i, "iss", null), "iss is missing or no text"),
        ["iss a list"] = (i => Claim(i, "iss", new JsonArray(Issuer.Name)), "iss is missing or no text"),
        ["iss twice"] = (i => Text(i, s => s.Replace("{", """{"iss":"https://evil.example.com",""")), "the payload has a name twice"),
        ["ISS only"] = (i => Text(i, s => s.Replace("\"iss\"", "\"ISS\"")), "iss is missing or no text"),
        ["aud of another"] = (i => Claim(i, "aud", "elsewhere"), "aud names no configured audience"),
        ["aud a part of it"] = (i => Claim(i, "aud", "api.example"), "aud names no configured audience"),
        ["aud in upper case"] = (i => Claim(i, "aud", "API.example.com"), "aud names no configured audience"),
        ["aud a list of others"] = (i => Claim(i, "aud", new JsonArray("a", "b")), "aud names no configured audience"),
        ["aud an empty list"] = (i => Claim(i, "aud", new JsonArray()), "aud names no configured audience"),
        ["aud texts in one"] = (i => Claim(i, "aud", Issuer.Audience + " elsewhere"), "aud names no configured audience"),
        ["aud missing"] = (i => Claim(i, "aud", null), "aud is missing, or neither a text nor a list of texts"),
        ["aud an object"] = (i => Claim(i, "aud", new JsonObject { [Issuer.Audience] = true }), "aud is missing, or neither a text nor a list of texts"),
        ["aud a list with a number"] = (i => Claim(i, "aud", new JsonArray(Issuer.Audience, 1)), "aud is missing, or neither a text nor a list of texts"),
        ["aud true"] = (i => Claim(i, "aud", true), "aud is missing, or neither a text nor a list of texts"),
        ["sub missing"] = (i => Claim(i, "sub", null), "the claim of the caller's id is missing, empty or no text"),
        ["sub empty"] = (i => Claim(i, "sub", ""), "the claim of the caller's id is missing, empty or no text"),
        ["sub a number"] = (i => Claim(i, "sub", 7), "the claim of the caller's id is missing, empty or no text"),
        ["sub a list"] = (i => Claim(i, "sub", new JsonArray("alice")), "the claim of the caller's id is missing, empty or no text"),

        // Times.
        ["exp missing"] = (i => Claim(i, "exp", null), "exp is missing"),
        ["exp null"] = (i => Text(i, s => s.Replace($"{i.Now + 300}", "null")), "exp is no number of seconds up to the year 9999"),
        ["exp a text"] = (i => Claim(i, "exp", $"{i.Now + 300}"), "exp is no number of seconds up to the year 9999"),
        ["exp negative"] = (i => Claim(i, "exp", -1), "exp is no number of seconds up to the year 9999"),
        ["exp in milliseconds"] = (i => Claim(i, "exp", (i.Now + 300) * 1000), "exp is no number of seconds up to the year 9999"),
        ["exp huge"] = (i => Text(i, s => s.Replace($"{i.Now + 300}", "1e400")), "exp is no number of seconds up to the year 9999"),
        ["exp with very many digits"] = (i => Text(i, s => s.Replace($"{i.Now + 300}", new string('9', 1000))), "exp is no number of seconds up to the year 9999"),
        ["exp twice"] = (i => Text(i, s => s.Replace("{", """{"exp":1,""")), "the payload has a name twice"),
        ["EXP only"] = (i => Text(i, s => s.Replace("\"exp\"", "\"EXP\"")), "exp is missing"),
        ["exp just past"] = (i => Claim(i, "exp", i.Now - 30), "exp is past"),
        ["exp past by a fraction"] = (i => Claim(i, "exp", i.Now - 30.001), "exp is past"),
        ["nbf in the future"] = (i => Claim(i, "nbf", i.Now + 31), "nbf is yet to come"),
        ["nbf a text"] = (i => Claim(i, "nbf", "0"), "nbf or iat is no number of seconds up to the year 9999"),
        ["nbf huge"] = (i => Text(i, s => s.Replace("{", """{"nbf":1e400,""")), "nbf or iat is no number of seconds up to the year 9999"),
        ["iat in the future"] = (i => Claim(i, "iat", i.Now + 31), "iat is yet to come"),
        ["iat a text"] = (i => Claim(i, "iat", "now"), "nbf or iat is no number of seconds up to the year 9999"),

        // Signatures.
        ["signature of zeros (CVE-2022-21449)"] = (i => Signed(i.Token(Ec), _ => new byte[64]), Forged),
        ["signature of zeros, RSA"] = (i => Signed(i.Token(Rsa), _ => new byte[256]), Forged),
        ["signature of ones, RSA"] = (i => Signed(i.Token(Rsa), s => [.. Enumerable.Repeat((byte)0xFF, 256)]), Forged),
        ["signature r is zero"] = (i => Signed(i.Token(Ec), s => [.. new byte[32], .. s[32..]]), Forged),
        ["signature s is the order"] = (i => Signed(i.Token(Ec), s => [.. s[..32], .. Convert.FromHexString("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551")]), Forged),
        ["signature in DER"] = (i => Signed(i.Token(Ec), InDer), "the signature has not the algorithm's length"),
        ["signature empty, ES256"] = (i => i.Token(Ec)[..(i.Token(Ec).LastIndexOf('.') + 1)], "the signature is not base64url"),
        ["signature cut, RSA"] = (i => Signed(i.Token(Rsa), s => s[..^1]), Forged),
        ["signature with a byte more, RSA"] = (i => Signed(i.Token(Rsa), s => [.. s, 0]), Forged),
        ["signature with a zero in front, RSA"] = (i => Signed(i.Token(Rsa), s => [0, .. s]), Forged),
        ["signature cut, ES256"] = (i => Signed(i.Token(Ec), s => s[..^1]), "the signature has not the algorithm's length"),
        ["signature with a byte more, ES256"] = (i => Signed(i.Token(Ec), s => [.. s, 0]), "the signature has not the algorithm's length"),
        ["signature of half a hash, HS256"] = (i => Signed(i.Token(Secret), s => s[..16]), "the signature has not the algorithm's length"),
        ["signature of another payload"] = (i => Swapped(i.Token(Rsa), i.Token(Rsa, new() { ["sub"] = "admin" })), Forged),
        ["PS256 called RS256"] = (i => Rsa.As(algorithm: "PS256").Sign("""{"alg":"RS256","kid":"r"}""", i.Claims().ToJsonString()), Forged),

        // Form.
        ["padding"] = (i => Padded(i.Token(Rsa)), "the signature is not base64url"),
        ["space in front"] = (i => " " + i.Token(Rsa), "the header is not base64url"),
        ["newline at the end"] = (i => i.Token(Rsa) + "\n", "the signature is not base64url"),
        ["tab within"] = (i => i.Token(Rsa).Insert(5, "\t"), "the header is not base64url"),
        ["plus and slash"] = (i => i.Token(Rsa)[..^4] + "+/+A", "the signature is not base64url"),
        ["other last bits"] = (i => OtherLastBits(i.Token(Rsa)), "the signature is not base64url"),
        ["not ASCII"] = (i => i.Token(Rsa)[..^1] + "é", "the signature is not base64url"),
        ["four parts"] = (i => i.Token(Rsa) + ".x", "the token has not three parts"),
        ["a dot at the end"] = (i => i.Token(Rsa) + ".", "the token has not three parts"),
        ["a dot in front"] = (i => "." + i.Token(Rsa), "the token has not three parts"),
        ["two parts"] = (i => i.Token(Rsa)[..i.Token(Rsa).LastIndexOf('.')], "the token has not three parts"),
        ["dots alone"] = (_ => "..", "the header is not base64url"),
        ["one dot"] = (_ => ".", "the token has not three parts"),
        ["nothing"] = (_ => "", "the token has not three parts"),
        ["a word"] = (_ => "token", "the token has not three parts"),
        ["encrypted (JWE)"] = (_ => "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.AAAA.AAAA.AAAA", "the token has not three parts"),
        ["JSON serialisation"] = (_ => """{"payload":"e30","signatures":[]}""", "the token has not three parts"),
        ["a token in a token"] = (i => Raw(Encoding.UTF8.GetBytes("""{"alg":"HS256","kid":"s","cty":"JWT"}"""), Encoding.UTF8.GetBytes(i.Token(Secret))), "the payload is not JSON, or nested deeper than 32"),
        ["a byte over 8 KB"] = (i => Sized(i, 8193), "the token is too long"),
        ["payload a list"] = (i => Text(i, _ => "[]"), "the payload is not a JSON object"),
        ["payload null"] = (i => Text(i, _ => "null"), "the payload is not a JSON object"),
        ["payload two objects"] = (i => Text(i, s => s + "{}"), "the payload is not JSON, or nested deeper than 32"),
        ["payload with a trailing comma"] = (i => Text(i, s => s[..^1] + ",}"), "the payload is not JSON, or nested deeper than 32"),
        ["payload nested too deep"] = (i => Text(i, s => s.Replace("{", $$"""{"x":{{new string('[', 40)}}{{new string(']', 40)}},""")), "the payload is not JSON, or nested deeper than 32"),
        ["payload nested by thousands"] = (i => Text(i, _ => new string('[', 5000)), "the payload is not JSON, or nested deeper than 32"),
        ["payload with a name twice far down"] = (i => Text(i, s => s.Replace("{", """{"x":[{"a":1,"a":2}],""")), "the payload has a name twice"),
        ["payload not UTF-8"] = (i => Raw("""{"alg":"HS256","kid":"s"}"""u8, [.. Encoding.UTF8.GetBytes(i.Claims().ToJsonString()[..^1]), .. ",\"n\":\""u8, 0xC3, 0x28, .. "\"}"u8]), "the payload is not UTF-8"),
        ["payload with overlong UTF-8"] = (i => Raw("""{"alg":"HS256","kid":"s"}"""u8, [.. Encoding.UTF8.GetBytes(i.Claims().ToJsonString()[..^1]), .. ",\"n\":\""u8, 0xC0, 0x80, .. "\"}"u8]), "the payload is not UTF-8"),
        ["payload with a byte order mark"] = (i => Text(i, s => "\uFEFF" + s), "the payload is not JSON, or nested deeper than 32"),
        ["payload with half a pair"] = (i => Text(i, s => s.Replace("alice", "\\ud800")), "the payload has half of a surrogate pair"),
        ["payload with half a pair in a name"] = (i => Text(i, s => s.Replace("{", """{"\udc00":1,""")), "the payload has half of a surrogate pair"),
    };

    public static TheoryData<string> Names() => [.. Attacks.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task An_attack_is_refused_and_the_log_says_why(string name)
    {
        var issuer = Attacked();
        var (make, reason) = Attacks[name];
        var token = make(issuer);
        var verdict = await issuer.JudgeAsync(token);
        Assert.Null(verdict.Consumer);
        Assert.Equal((Failure.InvalidToken, reason), (verdict.Failure, verdict.Reason));
        // RFC 6750 §3: what error_description may hold.
        Assert.All(verdict.Detail!, c => Assert.InRange(c, ' ', '~'));
        Assert.DoesNotContain(verdict.Detail!, c => c is '"' or '\\');
        Assert.InRange(verdict.Detail!.Length, 10, 80);
        Assert.InRange(issuer.Keys.Verifications, 0, reason == Forged ? 1 : 0);
        Assert.Null(issuer.Way.Find(Digest.Of(token)));
    }

    [Fact]
    public void The_table_holds_the_attacks_that_have_names() => Assert.InRange(Attacks.Count, 120, 500);

    [Theory]
    [MemberData(nameof(Names))]
    public async Task No_attack_gets_in_where_only_key_pairs_sign(string name)
    {
        var issuer = new Issuer(Rsa, Ec, SigningKeys.SecondRsa);
        var verdict = await issuer.JudgeAsync(Attacks[name].Token(issuer));
        Assert.Null(verdict.Consumer);
        if (name.StartsWith("HS256", StringComparison.Ordinal))
        {
            Assert.Equal(OtherAlgorithm, verdict.Reason);
        }
    }

    /// <summary>What differs from an attack by a hair, and is sound: a table that refuses all would pass without it.</summary>
    [Theory]
    [InlineData("aud", """["elsewhere","other.example.com"]""")]
    [InlineData("aud", """["api.example.com","elsewhere"]""")]
    [InlineData("exp", "1767225571")]
    [InlineData("exp", "1767225570.5")]
    [InlineData("exp", "1.7672256e9")]
    [InlineData("nbf", "1767225630")]
    [InlineData("iat", "1767225630")]
    [InlineData("name", "\"\\ud83d\\ude00 \\\\ud800\"")]
    [InlineData("EXP", "1")]
    [InlineData("Iss", "\"https://evil.example.com\"")]
    public async Task A_sound_token_close_to_an_attack_gets_in(string claim, string value)
    {
        var issuer = Attacked();
        var claims = issuer.Claims();
        claims.Remove(claim);
        Assert.NotNull((await issuer.JudgeAsync(Rsa.Sign("""{"alg":"RS256","kid":"r"}""", claims.ToJsonString().Replace("{", $"{{\"{claim}\":{value},")))).Consumer);
    }

    [Theory]
    [InlineData("JWT"), InlineData("jwt"), InlineData("at+jwt"), InlineData("AT+JWT"), InlineData("application/at+jwt"), InlineData("application/JWT")]
    public async Task A_token_of_these_types_gets_in(string type)
    {
        var issuer = Attacked();
        Assert.NotNull((await issuer.JudgeAsync(issuer.Token(Rsa, header: new() { ["typ"] = type }))).Consumer);
    }

    [Fact]
    public async Task Headers_that_offer_keys_are_ignored_where_the_token_is_sound()
    {
        var issuer = Attacked();
        var header = new JsonObject { ["jwk"] = Ec.Jwk(), ["jku"] = "http://127.0.0.1:1/", ["x5u"] = 7, ["x5c"] = new JsonArray(), ["x5t"] = "AAAA", ["cty"] = "JWT" };
        Assert.NotNull((await issuer.JudgeAsync(issuer.Token(Rsa, header: header))).Consumer);
    }

    [Fact]
    public async Task A_token_of_exactly_8_KB_gets_in()
    {
        var issuer = Attacked();
        var token = Sized(issuer, 8192);
        Assert.Equal(8192, token.Length);
        Assert.NotNull((await issuer.JudgeAsync(token)).Consumer);
    }

    [Fact]
    public async Task A_token_nested_as_deep_as_allowed_gets_in()
    {
        var issuer = Attacked();
        Assert.NotNull((await issuer.JudgeAsync(Text(issuer, s => s.Replace("{", $$"""{"x":{{new string('[', 31)}}{{new string(']', 31)}},""")))).Consumer);
    }

    [Fact]
    public async Task Where_secrets_sign_a_public_key_does_not()
    {
        var issuer = new Issuer(Secret);
        Assert.Equal(OtherAlgorithm, (await issuer.JudgeAsync(issuer.Token(Rsa, header: new() { ["kid"] = "s" }))).Reason);
        Assert.Equal(Forged, (await issuer.JudgeAsync(issuer.Token(SigningKey.Make("s", "HS256")))).Reason);
        Assert.Equal(OtherAlgorithm, (await issuer.JudgeAsync(Unsigned(issuer, "none"))).Reason);
    }

    /// <summary>Every text one change away from a sound token is refused, or is the token.</summary>
    [Fact]
    public async Task No_character_of_a_token_can_be_changed()
    {
        var issuer = Attacked();
        var token = issuer.Token(Secret);
        for (var at = 0; at < token.Length; at++)
        {
            foreach (var c in new[] { token[at] == 'A' ? 'B' : 'A', '.', '=', '\u0141' })
            {
                if (c != token[at])
                {
                    Assert.Null((await issuer.JudgeAsync($"{token[..at]}{c}{token[(at + 1)..]}", $"192.0.2.{at % 200}")).Consumer);
                }
            }
            Assert.Null((await issuer.JudgeAsync(token.Remove(at, 1), $"192.0.2.{at % 200}")).Consumer);
        }
    }

    /// <summary>RSA and EC keys as a key set has them, and beside them a secret, as no key set may: for rules that hold for all.</summary>
    private static Issuer Attacked() => new(["RS256", "ES256", "HS256"], null, Rsa, Ec, Secret, SigningKeys.SecondRsa);

    private static SigningKey Stranger() => SigningKeys.Stranger;

    private static string Claim(Issuer issuer, string name, JsonNode? value) => issuer.Token(Rsa, new JsonObject { [name] = value });

    private static string Text(Issuer issuer, Func<string, string> change) => Rsa.Sign("""{"alg":"RS256","kid":"r"}""", change(issuer.Claims().ToJsonString()));

    private static string Unsigned(Issuer issuer, string algorithm)
    {
        var token = issuer.Token(Rsa, header: new() { ["alg"] = algorithm });
        return token[..(token.LastIndexOf('.') + 1)];
    }

    private static string Confused(Issuer issuer, string secret) => Confused(issuer, Encoding.UTF8.GetBytes(secret));

    /// <summary>An HS256 token whose secret is what everybody knows of the RSA key.</summary>
    private static string Confused(Issuer issuer, byte[] secret, string? kid = "r")
    {
        var signed = issuer.Token(Secret, header: new() { ["kid"] = kid });
        signed = signed[..signed.LastIndexOf('.')];
        return $"{signed}.{SigningKey.Encode(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(signed)))}";
    }

    private static byte[] Der(string pem) => Convert.FromBase64String(string.Concat(pem.Split('\n').Where(l => !l.StartsWith('-'))));

    /// <summary>A token of exactly these bytes, signed with the secret.</summary>
    private static string Raw(ReadOnlySpan<byte> header, byte[] payload)
    {
        var text = $"{SigningKey.Encode(header.ToArray())}.{SigningKey.Encode(payload)}";
        var secret = Microsoft.AspNetCore.WebUtilities.WebEncoders.Base64UrlDecode(Secret.Jwk()["k"]!.GetValue<string>());
        return $"{text}.{SigningKey.Encode(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(text)))}";
    }

    private static string Signed(string token, Func<byte[], byte[]> change)
    {
        var dot = token.LastIndexOf('.');
        return token[..(dot + 1)] + SigningKey.Encode(change(Microsoft.AspNetCore.WebUtilities.WebEncoders.Base64UrlDecode(token[(dot + 1)..])));
    }

    private static string Swapped(string signed, string other) => other[..other.LastIndexOf('.')] + signed[signed.LastIndexOf('.')..];

    private static string Padded(string token) => token + new string('=', (4 - (token.Length - token.LastIndexOf('.') - 1) % 4) % 4);

    /// <summary>256 bytes end with two characters, of which the last has four bits that say nothing.</summary>
    private static string OtherLastBits(string token) => token[..^1] + (char)(token[^1] + 1);

    private static byte[] InDer(byte[] signature)
    {
        var writer = new System.Formats.Asn1.AsnWriter(System.Formats.Asn1.AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(new System.Numerics.BigInteger(signature.AsSpan(0, 32), isUnsigned: true, isBigEndian: true));
            writer.WriteInteger(new System.Numerics.BigInteger(signature.AsSpan(32), isUnsigned: true, isBigEndian: true));
        }
        return writer.Encode();
    }

    /// <summary>A sound token of that length.</summary>
    private static string Sized(Issuer issuer, int length)
    {
        for (var filler = length / 4 * 3 - 600; ; filler++)
        {
            var token = issuer.Token(Rsa, new JsonObject { ["x"] = new string('x', filler) });
            if (token.Length >= length)
            {
                return token;
            }
        }
    }

    private static class SigningKeys
    {
        public static readonly SigningKey SecondRsa = SigningKey.Make("r2"), Stranger = SigningKey.Make("r");
    }
}
