using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Edge.Authenticating.Jwt;
using Postern.Edge.Authenticating.Jwt.Keys;
using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt.Keys;

public sealed class FixedKeyTests
{
    [Fact]
    public void A_public_key_is_there_from_the_start_whatever_id_a_token_names()
    {
        using var keys = Of(new JwtOptions { PublicKey = new FileText("issuer.pem", SigningKey.Make("", "ES256").Pem) });
        Assert.Null(keys.NotReady);
        Assert.True(keys.HasKeys);
        Assert.NotNull(keys.Find(null, "ES256"));
        Assert.Same(keys.Find(null, "ES256"), keys.Find("any", "ES256"));
        Assert.Null(keys.Find(null, "HS256"));
        Assert.True(keys.RefetchAsync().IsCompletedSuccessfully);
    }

    [Fact]
    public void Each_form_of_a_public_key_verifies_what_its_owner_signed()
    {
        var (rsa, ec) = (SigningKey.Make("", "PS256"), SigningKey.Make("", "ES512"));
        foreach (var (signer, pem) in new[] { (rsa, rsa.Pem), (rsa, rsa.Pkcs1Pem), (rsa, rsa.Certificate()), (ec, ec.Pem), (ec, ec.Certificate()) })
        {
            using var keys = Of(new JwtOptions { PublicKey = new FileText("issuer.pem", pem) });
            var key = keys.Find(null, signer.Algorithm)!;
            Assert.True(KeySetTests.Verifies(key, signer.Sign("{}", "{}"), signer.Algorithm));
            Assert.Null(keys.Find(null, "HS256")); // The public key taken for a secret.
            Assert.Null(keys.Find(null, "ES256"));
        }
    }

    [Theory]
    [InlineData(31, "")]
    [InlineData(32, "HS256")]
    [InlineData(48, "HS256 HS384")]
    [InlineData(64, "HS256 HS384 HS512")]
    public void A_secret_is_for_hashes_no_longer_than_itself(int length, string algorithms)
    {
        using var keys = Of(new JwtOptions { Secret = new string('s', length) });
        Assert.Equal(algorithms, string.Join(' ', new[] { "HS256", "HS384", "HS512", "RS256", "ES256", "none" }.Where(a => keys.Find("any", a) is not null)));
    }

    private static IKeySource Of(JwtOptions options)
    {
        var keys = KeySources.Of(options, "machines", new StatePool());
        keys.Start(TimeProvider.System, NullLogger.Instance);
        return keys;
    }
}
