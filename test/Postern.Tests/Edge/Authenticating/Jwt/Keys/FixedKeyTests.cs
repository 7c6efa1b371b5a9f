using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Edge.Authenticating.Jwt;
using Postern.Edge.Authenticating.Jwt.Keys;
using Postern.Pipeline.Telemetry;
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
        var keys = KeySources.Of(options, "machines", new MetricRegistry());
        keys.Start(TimeProvider.System, NullLogger.Instance);
        return keys;
    }
}
