using System.Text.Json.Nodes;
using Postern.Edge.Authenticating.Jwt;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt;

/// <summary>What is read of a token to choose who judges it.</summary>
public sealed class UnverifiedTokenTests
{
    private static readonly SigningKey Key = SigningKey.Make("k", "HS256");

    [Fact]
    public void A_token_says_its_algorithm_and_issuer()
    {
        var token = UnverifiedToken.Read(Key.Sign("""{"alg":"HS256"}""", """{"iss":"https://auth.example.com"}"""))!;
        Assert.Equal(("HS256", "https://auth.example.com"), (token.Algorithm, token.Issuer));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"iss":1}""")]
    [InlineData("""{"iss":null}""")]
    [InlineData("""{"ISS":"https://auth.example.com"}""")]
    public void A_token_may_have_no_issuer(string claims) => Assert.Null(UnverifiedToken.Read(Key.Sign("""{"alg":"HS256"}""", claims))!.Issuer);

    [Fact]
    public void What_has_not_the_form_of_a_signed_token_is_opaque()
    {
        string[] opaque = ["", "2YotnFZFEjr1zCsicMWpAA", "a.b", "a.b.c", "a.b.c.d.e", "e30.e30.e30", Key.Sign("{}", "{}"), Key.Sign("""{"alg":7}""", "{}"), Key.Sign("""{"alg":"HS256"}""", "[]"),
            Key.Sign("""{"alg":"HS256"}""", """{"iss":"a","iss":"b"}"""), new string('a', 9000)];
        Assert.All(opaque, t => Assert.Null(UnverifiedToken.Read(t)));
    }

    /// <summary>The library that the gateway takes its signatures from makes tokens that are read the same.</summary>
    [Fact]
    public void A_token_that_the_library_made_is_read()
    {
        var credentials = new Microsoft.IdentityModel.Tokens.SigningCredentials(new Microsoft.IdentityModel.Tokens.SymmetricSecurityKey(new byte[32]), "HS256");
        var made = new Microsoft.IdentityModel.JsonWebTokens.JsonWebTokenHandler().CreateToken(new JsonObject { ["iss"] = "me" }.ToJsonString(), credentials);
        Assert.Equal("me", UnverifiedToken.Read(made)?.Issuer);
    }
}
