using Postern.Transforms.Json;
using Postern.Transforms.Locales;
using Postern.Transforms.Wording;

namespace Postern.Tests.Transforms.Wording;

public sealed class DateTextTests
{
    private const string At = "2025-07-09T16:05:07.042Z";

    [Theory]
    [InlineData("en-US", "date", "Jul 9, 2025")]
    [InlineData("en-US", "short", "7/9/25")]
    [InlineData("en-US", "long", "July 9, 2025")]
    [InlineData("en-US", "time", "4:05 PM")]
    [InlineData("en-US", "datetime", "Jul 9, 2025, 4:05 PM")]
    [InlineData("en-US", "iso", "2025-07-09T16:05:07Z")]
    [InlineData("en-GB", "date", "9 Jul 2025")]
    [InlineData("en-GB", "time", "16:05")]
    [InlineData("de-DE", "date", "09.07.2025")]
    [InlineData("de-DE", "long", "9. Juli 2025")]
    [InlineData("de-DE", "datetime", "09.07.2025, 16:05")]
    [InlineData("fr-FR", "date", "9 juil. 2025")]
    [InlineData("fr-CA", "time", "16 h 05")]
    [InlineData("es-ES", "long", "9 de julio de 2025")]
    [InlineData("fi-FI", "datetime", "9.7.2025 klo 16.05")]
    [InlineData("pl-PL", "long", "9 lipca 2025")]
    [InlineData("ja-JP", "long", "2025年7月9日")]
    [InlineData("ko-KR", "time", "PM 4:05")]
    [InlineData("zh-CN", "date", "2025年7月9日")]
    [InlineData("th-TH", "date", "9 ก.ค. 2025")]
    [InlineData("de-DE", "iso", "2025-07-09T16:05:07Z")]
    [InlineData("de-DE", "yyyy-MM-dd HH:mm:ss", "2025-07-09 16:05:07")]
    [InlineData("de-DE", "EEEE, d. MMMM yy", "Mittwoch, 9. Juli 25")]
    [InlineData("de-DE", "EEE d. MMM", "Mi. 9. Juli")]
    [InlineData("en-US", "h:mm a", "4:05 PM")]
    [InlineData("en-US", "hh 'o''clock' H m s.SSS", "04 o'clock 16 5 7.042")]
    [InlineData("en-US", "yyyy-MM-ddTHH:mm:ssZ", "2025-07-09T16:05:07Z")]
    [InlineData("en-US", "yyyy-MM-dd'T'HH:mmXXX", "2025-07-09T16:05Z")]
    [InlineData("en-US", "年/-é!", "年/-é!")]
    [InlineData("en-US", "''", "'")]
    public void A_date_is_written_in_its_format(string locale, string format, string expected) => Assert.Equal(expected, Write(At, format, "Z", locale));

    [Theory]
    [InlineData("+02:00", "2025-07-09T18:05:07+02:00")]
    [InlineData("-0930", "2025-07-09T06:35:07-09:30")]
    [InlineData("Z", "2025-07-09T16:05:07Z")]
    [InlineData("", "2025-07-09T16:05:07Z")]
    [InlineData("+00:00", "2025-07-09T16:05:07Z")]
    public void An_offset_moves_the_clock_and_not_the_time(string offset, string expected) => Assert.Equal(expected, Write(At, "iso", offset, "en-US"));

    [Fact]
    public void Without_one_it_is_UTC_whatever_the_timestamp_was_written_in() => Assert.Equal("2025-07-09T14:05:07Z", Write("2025-07-09T16:05:07+02:00", "iso", "Z", "en-US"));

    [Theory]
    [InlineData("2025-01-01T00:00:00Z", "12:00 AM")]
    [InlineData("2025-01-01T11:59:00Z", "11:59 AM")]
    [InlineData("2025-01-01T12:00:00Z", "12:00 PM")]
    [InlineData("2025-01-01T23:59:59Z", "11:59 PM")]
    public void Midnight_and_noon_are_twelve(string time, string expected) => Assert.Equal(expected, Write(time, "time", "Z", "en-US"));

    [Theory]
    [InlineData("tt", "no field 'tt' of a date", "the half of the day is 'a'")]
    [InlineData("dddd", "no field 'dddd' of a date", "the day of the week is 'EEE' or 'EEEE'")]
    [InlineData("YYYY-MM-DD", "no field 'YYYY' of a date", "the year is 'yyyy'")]
    [InlineData("yyyy-MM-DD", "no field 'DD' of a date", "the day of the month is 'd' or 'dd'")]
    [InlineData("HH:mm:ss.fff", "no field 'fff' of a date", "milliseconds are 'SSS'")]
    [InlineData("HH:nn", "no field 'nn' of a date", "minutes are 'mm'")]
    [InlineData("zzz", "no field 'zzz' of a date", "the offset is 'XXX'")]
    [InlineData("dates", "no field 't' of a date", "the half of the day is 'a'")]
    [InlineData("yyyyy", "no field 'yyyyy' of a date", "did you mean 'yyyy'?")]
    [InlineData("Q", "no field 'Q' of a date", "letters that are no field stand between ' and '")]
    [InlineData("HH 'Uhr", "a format with a ' that nothing closes", "close it")]
    [InlineData("", "an empty format", "write one like 'yyyy-MM-dd'")]
    [InlineData("-----------------------------------------------------------------", "a format of 65 characters", "at most 64 are allowed")]
    public void What_is_no_format_is_told_with_the_fix(string format, string what, string fix)
    {
        var told = DateText.InFormat(format)!;
        Assert.Equal(what, told.What);
        Assert.StartsWith(fix, told.Fix, StringComparison.Ordinal);
        Assert.EndsWith("; formats by name are date, short, long, time, datetime and iso", told.Fix, StringComparison.Ordinal);
        Assert.Equal("invalid-value", DateText.Text(JsonValue.Of(At), JsonValue.Of(format), JsonValue.Of("Z"), Locale.Default).Why);
    }

    [Theory]
    [InlineData("date", true)]
    [InlineData("time", true)]
    [InlineData("d MMM", true)]
    [InlineData("EEE", true)]
    [InlineData("h a", true)]
    [InlineData("iso", false)]
    [InlineData("yyyy-MM-dd HH:mm:ssXXX", false)]
    [InlineData("'MMM'", false)]
    public void It_is_known_whether_the_locale_makes_a_difference(string format, bool does) => Assert.Equal(does, DateText.DependsOnLocale(format));

    [Theory]
    [InlineData("\"nope\"", "\"date\"", "\"Z\"", "invalid-value")]
    [InlineData("true", "\"date\"", "\"Z\"", "invalid-type")]
    [InlineData("0", "5", "\"Z\"", "invalid-type")]
    [InlineData("0", "null", "\"Z\"", "invalid-type")]
    [InlineData("0", "\"date\"", "\"Europe/Berlin\"", "invalid-value")]
    [InlineData("0", "\"date\"", "\"+15:00\"", "invalid-value")]
    [InlineData("0", "\"date\"", "2", "invalid-type")]
    [InlineData("\"0001-01-01\"", "\"date\"", "\"-01:00\"", "invalid-value")]
    [InlineData("\"9999-12-31T23:30:00Z\"", "\"date\"", "\"+01:00\"", "invalid-value")]
    public void What_can_not_be_written_is_an_error(string time, string format, string offset, string why) =>
        Assert.Equal(why, DateText.Text(JsonText.Fixed(time), JsonText.Fixed(format), JsonText.Fixed(offset), Locale.Default).Why);

    [Fact]
    public void Null_stays_null() => Assert.True(DateText.Text(JsonValue.Null, JsonValue.Of("date"), JsonValue.Of("Z"), Locale.Default).IsNull);

    [Fact]
    public void Every_locale_writes_every_format_of_every_month()
    {
        foreach (var tag in LocaleTable.Tags)
        {
            foreach (var format in DatePattern.Names.Append("EEEE EEE MMMM MMM a"))
            {
                var shown = Enumerable.Range(0, 24).Select(i => Write($"2025-{(i % 12) + 1:00}-{i + 1:00}T{i:00}:30:00Z", format, "Z", tag)).ToList();
                Assert.DoesNotContain(shown, string.IsNullOrWhiteSpace);
                Assert.Equal(24, shown.Distinct().Count());
            }
        }
    }

    private static string? Write(string time, string format, string offset, string locale) =>
        DateText.Text(JsonValue.Of(time), JsonValue.Of(format), JsonValue.Of(offset), Locale.Find(locale)!).AsString();
}
