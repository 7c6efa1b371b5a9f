using Postern.Config;

namespace Postern.Tests.Config;

public sealed class ScalarsTests
{
    [Theory]
    [InlineData("250ms", 250)]
    [InlineData("1.5s", 1500)]
    [InlineData("2m", 120_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("0", 0)]
    public void A_duration_has_a_unit(string text, double milliseconds)
    {
        Assert.True(Scalars.TryDuration(text, out var duration));
        Assert.Equal(milliseconds, duration.TotalMilliseconds);
    }

    [Theory]
    [InlineData("3")]
    [InlineData("-3s")]
    [InlineData("3 s")]
    [InlineData("NaNs")]
    [InlineData("-Infinityms")]
    [InlineData("1e3s")]
    [InlineData("s")]
    [InlineData("1,000ms")]
    [InlineData("99999999999999999999999999999999999s")]
    public void Anything_else_is_none(string text) => Assert.False(Scalars.TryDuration(text, out _));

    [Fact]
    public void A_duration_no_timer_takes_is_past_the_longest()
    {
        Assert.True(Scalars.TryDuration("9999999h", out var duration));
        Assert.True(duration > Scalars.Longest);
    }

    [Theory]
    [InlineData("9999999999999999999GB")]
    [InlineData("8589934592GB")]
    public void A_size_past_all_sizes_is_the_largest(string text)
    {
        Assert.True(ByteSize.TryParse(text, out var size));
        Assert.Equal(long.MaxValue, size.Bytes);
    }

    [Theory]
    [InlineData("1m30s", "write 90s")]
    [InlineData("5 min", "write 5m")]
    [InlineData("30", "write 30s or 30ms")]
    [InlineData("soon", "write 3s or 250ms")]
    public void A_duration_written_otherwise_is_told_how(string got, string fix) => Assert.Equal(fix, Fixes.Of(typeof(TimeSpan), got));
}
