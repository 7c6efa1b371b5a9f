using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Tests.Edge.Authenticating.ApiKeys;

public sealed class ApiKeyTests
{
    [Fact]
    public void A_key_has_256_bits_of_chance_in_letters_and_digits()
    {
        var keys = Enumerable.Range(0, 1000).Select(_ => ApiKey.Make()).ToList();
        Assert.Equal(keys.Count, keys.Distinct().Count());
        Assert.All(keys, k => Assert.Matches("^pk_[0-9A-Za-z]{43}$", k));
        Assert.True(43 * Math.Log2(62) >= 256);
        // Every place takes every character: with 43,000 draws of 62, one that never came would be a fault.
        Assert.Equal(62, keys.SelectMany(k => k[3..]).Distinct().Count());
    }

    [Theory]
    [InlineData("2027-01-01T00:00:00Z", 1798761600)]
    [InlineData("2027-01-01T01:00:00.123456+01:00", 1798761600)]
    [InlineData("2026-12-31T23:30:00-00:30", 1798761600)]
    public void A_time_has_a_date_a_time_and_an_offset(string text, long seconds)
    {
        Assert.True(Rfc3339.TryParse(text, out var time));
        Assert.Equal(seconds, time.ToUnixTimeSeconds());
    }

    [Theory]
    [InlineData("2027-01-01")]
    [InlineData("2027-01-01T00:00:00")]
    [InlineData("2027-01-01 00:00:00Z")]
    [InlineData("2027-13-01T00:00:00Z")]
    [InlineData("2027-02-29T00:00:00Z")]
    [InlineData(" 2027-01-01T00:00:00Z")]
    [InlineData("1798761600")]
    [InlineData("")]
    public void Anything_else_is_no_time(string text) => Assert.False(Rfc3339.TryParse(text, out _));
}
