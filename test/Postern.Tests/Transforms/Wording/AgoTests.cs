using Postern.Transforms.Json;
using Postern.Transforms.Wording;

namespace Postern.Tests.Transforms.Wording;

public sealed class AgoTests
{
    private static readonly DateTimeOffset Now = new(2025, 7, 31, 17, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("2025-07-31T17:00:00Z", "now")]
    [InlineData("2025-07-31T16:59:50.001Z", "now")]
    [InlineData("2025-07-31T16:59:50Z", "10s")]
    [InlineData("2025-07-31T16:59:00.001Z", "59s")]
    [InlineData("2025-07-31T16:59:00Z", "1m")]
    [InlineData("2025-07-31T16:00:01Z", "59m")]
    [InlineData("2025-07-31T16:00:00Z", "1h")]
    [InlineData("2025-07-30T17:00:01Z", "23h")]
    [InlineData("2025-07-30T17:00:00Z", "1d")]
    [InlineData("2025-07-29T16:45:00Z", "2d")]
    [InlineData("2025-07-24T17:00:01Z", "6d")]
    [InlineData("2025-07-24T17:00:00Z", "1w")]
    [InlineData("2025-07-01T17:00:00Z", "4w")]
    [InlineData("2025-06-30T17:00:01Z", "1mo")]
    [InlineData("2025-06-30T17:00:00Z", "1mo")]
    [InlineData("2024-08-01T00:00:00Z", "11mo")]
    [InlineData("2024-07-31T17:00:01Z", "11mo")]
    [InlineData("2024-07-31T17:00:00Z", "1y")]
    [InlineData("2015-08-01T00:00:00Z", "9y")]
    [InlineData("0001-01-01T00:00:00Z", "2024y")]
    [InlineData("2025-07-31T17:01:00Z", "now")]
    [InlineData("2025-07-31T17:01:00.001Z", "in 1m")]
    [InlineData("2025-08-02T18:00:00Z", "in 2d")]
    [InlineData("9999-12-31T23:59:59Z", "in 7974y")]
    [InlineData("2025-07-31T19:00:00+02:00", "now")]
    [InlineData("2025-07-31T12:00:00-05:00", "now")]
    [InlineData("2025-07-31T16:00:00", "1h")]
    [InlineData("2025-07-31 16:00:00z", "1h")]
    [InlineData("2025-07-31t16:00:00.123456789123456789Z", "59m")]
    [InlineData("2025-07-31T16:00Z", "1h")]
    [InlineData("2025-07-29", "2d")]
    [InlineData("2016-12-31T23:59:60Z", "8y")]
    public void The_largest_full_unit_is_told(string timestamp, string expected) => Assert.Equal(expected, Ago.Text(JsonValue.Of(timestamp), Now).AsString());

    [Theory]
    [InlineData("1753974000", "2h")]
    [InlineData("1753974000000", "2h")]
    [InlineData("1753974000.5", "1h")]
    [InlineData("0", "55y")]
    [InlineData("-1", "55y")]
    [InlineData("99999999999", "in 3113y")]
    public void Numbers_count_seconds_or_milliseconds_since_1970(string timestamp, string expected) => Assert.Equal(expected, Ago.Text(JsonText.Fixed(timestamp), Now).AsString());

    [Theory]
    [InlineData("\"\"", "invalid-value")]
    [InlineData("\"yesterday\"", "invalid-value")]
    [InlineData("\"2025-13-01\"", "invalid-value")]
    [InlineData("\"2025-02-29\"", "invalid-value")]
    [InlineData("\"0000-01-01\"", "invalid-value")]
    [InlineData("\"2025-07-31T\"", "invalid-value")]
    [InlineData("\"2025-07-31T24:00:00Z\"", "invalid-value")]
    [InlineData("\"2025-07-31T16:60:00Z\"", "invalid-value")]
    [InlineData("\"2025-07-31T16:00:61Z\"", "invalid-value")]
    [InlineData("\"2025-07-31T16:00:00.Z\"", "invalid-value")]
    [InlineData("\"2025-07-31T16:00:00+25:00\"", "invalid-value")]
    [InlineData("\"2025-07-31T16:00:00+2:00\"", "invalid-value")]
    [InlineData("\"2025-07-31T16:00:00ZZ\"", "invalid-value")]
    [InlineData("\"2025-07-31T16:00:00+\"", "invalid-value")]
    [InlineData("\"+025-07-31\"", "invalid-value")]
    [InlineData("\"2025-7-3\"", "invalid-value")]
    [InlineData("\"0001-01-01T00:00:00+01:00\"", "invalid-value")]
    [InlineData("\"9999-12-31T23:59:59-01:00\"", "invalid-value")]
    [InlineData("1e300", "invalid-value")]
    [InlineData("-1e15", "invalid-value")]
    [InlineData("253402300800000", "invalid-value")]
    [InlineData("true", "invalid-type")]
    [InlineData("[]", "invalid-type")]
    public void What_is_no_time_is_an_error(string timestamp, string why) => Assert.Equal(why, Ago.Text(JsonText.Fixed(timestamp), Now).Why);

    [Fact]
    public void Null_stays_null() => Assert.True(Ago.Text(JsonValue.Null, Now).IsNull);

    [Fact]
    public void What_is_longer_ago_never_sounds_more_recent()
    {
        var (last, at) = (TimeSpan.Zero, Now);
        foreach (var step in Enumerable.Range(1, 3000))
        {
            at -= TimeSpan.FromMinutes(step);
            var told = Least(Ago.Text(at, Now));
            Assert.True(told >= last, $"{at:O} is {Ago.Text(at, Now)}");
            Assert.True(told <= Now - at, $"{at:O} is {Ago.Text(at, Now)}");
            last = told;
        }
    }

    /// <summary>The least time that a text can mean.</summary>
    private static TimeSpan Least(string text)
    {
        var number = new string([.. text.TakeWhile(char.IsAsciiDigit)]);
        return text[number.Length..] switch
        {
            "s" => TimeSpan.FromSeconds(int.Parse(number)),
            "m" => TimeSpan.FromMinutes(int.Parse(number)),
            "h" => TimeSpan.FromHours(int.Parse(number)),
            "d" => TimeSpan.FromDays(int.Parse(number)),
            "w" => TimeSpan.FromDays(int.Parse(number) * 7),
            "mo" => TimeSpan.FromDays(int.Parse(number) * 28),
            "y" => TimeSpan.FromDays(int.Parse(number) * 365),
            _ => TimeSpan.Zero,
        };
    }
}
