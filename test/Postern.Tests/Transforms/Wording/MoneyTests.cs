using System.Globalization;
using System.Text;
using Postern.Transforms.Json;
using Postern.Transforms.Locales;
using Postern.Transforms.Wording;

namespace Postern.Tests.Transforms.Wording;

/// <summary>Amounts as CLDR 48 has them; <c>_</c> stands for a no-break space and <c>~</c> for a narrow one.</summary>
public sealed class MoneyTests
{
    [Theory]
    [InlineData("en-US", "149.99", "USD", "$149.99")]
    [InlineData("en-US", "149.99", "usd", "$149.99")]
    [InlineData("en-US", "1234567.5", "USD", "$1,234,567.50")]
    [InlineData("en-US", "-149.99", "USD", "-$149.99")]
    [InlineData("en-US", "5", "JPY", "¥5")]
    [InlineData("en-US", "1", "CAD", "CA$1.00")]
    [InlineData("en-US", "1", "CHF", "CHF_1.00")]
    [InlineData("en-US", "1", "XYZ", "XYZ_1.00")]
    [InlineData("en-US", "1.5", "KWD", "KWD_1.500")]
    [InlineData("en-US", "1.5", "CLF", "CLF_1.5000")]
    [InlineData("en-GB", "149.99", "USD", "US$149.99")]
    [InlineData("en-GB", "149.99", "GBP", "£149.99")]
    [InlineData("en-CA", "149.99", "CAD", "$149.99")]
    [InlineData("en-IN", "1234567.5", "INR", "₹12,34,567.50")]
    [InlineData("de-DE", "149.99", "EUR", "149,99_€")]
    [InlineData("de-DE", "-1234.5", "USD", "-1.234,50_$")]
    [InlineData("de-AT", "1234.5", "EUR", "€_1.234,50")]
    [InlineData("de-CH", "1234.5", "CHF", "CHF_1’234.50")]
    [InlineData("de-CH", "-1", "CHF", "CHF-1.00")]
    [InlineData("fr-FR", "1234.5", "EUR", "1~234,50_€")]
    [InlineData("fr-FR", "1", "USD", "1,00_$US")]
    [InlineData("fr-CA", "1234.5", "CAD", "1_234,50_$")]
    [InlineData("es-ES", "1234.5", "EUR", "1234,50_€")]
    [InlineData("es-ES", "12345.5", "EUR", "12.345,50_€")]
    [InlineData("es-MX", "1234.5", "MXN", "$1,234.50")]
    [InlineData("pl-PL", "1234.5", "PLN", "1234,50_zł")]
    [InlineData("pl-PL", "12345.5", "PLN", "12_345,50_zł")]
    [InlineData("nl-NL", "-1234.5", "EUR", "€_-1.234,50")]
    [InlineData("pt-BR", "1234.5", "BRL", "R$_1.234,50")]
    [InlineData("sv-SE", "-1234.5", "SEK", "−1_234,50_kr")]
    [InlineData("da-DK", "1234.5", "DKK", "1.234,50_kr.")]
    [InlineData("cs-CZ", "1234.5", "CZK", "1_234,50_Kč")]
    [InlineData("hu-HU", "1234.5", "HUF", "1234,50_Ft")]
    [InlineData("tr-TR", "1234.5", "TRY", "₺1.234,50")]
    [InlineData("ru-RU", "1234.5", "RUB", "1_234,50_₽")]
    [InlineData("ja-JP", "1234.5", "JPY", "￥1,235")]
    [InlineData("ko-KR", "1234", "KRW", "₩1,234")]
    [InlineData("zh-CN", "1234.5", "CNY", "¥1,234.50")]
    [InlineData("zh-TW", "1234.5", "TWD", "$1,234.50")]
    [InlineData("he-IL", "1234.5", "ILS", "\u200f1,234.50_\u200f₪")]
    [InlineData("ar-AE", "1234.5", "AED", "\u200f1,234.50_د.إ.\u200f")]
    public void An_amount_is_written_as_people_there_write_it(string locale, string amount, string currency, string expected) =>
        Assert.Equal(expected.Replace('_', '\u00a0').Replace('~', '\u202f').Replace('’', Locale.Find("de-CH")!.Group), Write(amount, currency, locale));

    [Theory]
    [InlineData("1.005", "$1.01")] // 1.00 by way of a binary fraction.
    [InlineData("2.675", "$2.68")]
    [InlineData("0.125", "$0.13")]
    [InlineData("-0.125", "-$0.13")]
    [InlineData("0.135", "$0.14")]
    [InlineData("0.124999999999999999999", "$0.12")]
    [InlineData("0.005", "$0.01")]
    [InlineData("0.0049", "$0.00")]
    [InlineData("-0.004", "$0.00")]
    [InlineData("-0", "$0.00")]
    [InlineData("9.995", "$10.00")]
    [InlineData("999.995", "$1,000.00")]
    [InlineData("1e3", "$1,000.00")]
    [InlineData("1.5E+2", "$150.00")]
    [InlineData("12345e-2", "$123.45")]
    [InlineData("1e-400", "$0.00")]
    [InlineData("0e9999", "$0.00")]
    [InlineData("12345678901234567890.125", "$12,345,678,901,234,567,890.13")]
    [InlineData("149.990000000000000000000000000000000", "$149.99")]
    public void Decimal_digits_are_rounded_and_half_goes_away_from_zero(string amount, string expected) => Assert.Equal(expected, Write(amount, "USD", "en-US"));

    [Theory]
    [InlineData("\"149.99\"", "$149.99")]
    [InlineData("\"-5\"", "-$5.00")]
    [InlineData("\"\\u0031\\u0032.5\"", "$12.50")]
    [InlineData("null", null)]
    public void A_text_with_a_number_is_one_and_null_stays_null(string amount, string? expected) =>
        Assert.Equal(expected, Money.Text(JsonText.Fixed(amount), JsonValue.Of("USD"), Locale.Default).AsString());

    [Theory]
    [InlineData("\"\"", "\"USD\"", "invalid-value")]
    [InlineData("\"1,234.50\"", "\"USD\"", "invalid-value")]
    [InlineData("\" 1\"", "\"USD\"", "invalid-value")]
    [InlineData("\"$1\"", "\"USD\"", "invalid-value")]
    [InlineData("\"1.\"", "\"USD\"", "invalid-value")]
    [InlineData("\".5\"", "\"USD\"", "invalid-value")]
    [InlineData("\"--5\"", "\"USD\"", "invalid-value")]
    [InlineData("\"1e\"", "\"USD\"", "invalid-value")]
    [InlineData("\"1 e2\"", "\"USD\"", "invalid-value")]
    [InlineData("\"NaN\"", "\"USD\"", "invalid-value")]
    [InlineData("\"Infinity\"", "\"USD\"", "invalid-value")]
    [InlineData("1e41", "\"USD\"", "invalid-value")]
    [InlineData("1e999999999999", "\"USD\"", "invalid-value")]
    [InlineData("12345678901234567890123456789012345678901", "\"USD\"", "invalid-value")]
    [InlineData("1", "\"\"", "invalid-value")]
    [InlineData("1", "\"US\"", "invalid-value")]
    [InlineData("1", "\"US Dollar\"", "invalid-value")]
    [InlineData("1", "\"U$D\"", "invalid-value")]
    [InlineData("1", "null", "invalid-type")]
    [InlineData("1", "5", "invalid-type")]
    [InlineData("true", "\"USD\"", "invalid-type")]
    [InlineData("[1]", "\"USD\"", "invalid-type")]
    [InlineData("{}", "\"USD\"", "invalid-type")]
    public void What_is_no_amount_or_no_currency_is_an_error(string amount, string currency, string why) =>
        Assert.Equal(why, Money.Text(JsonText.Fixed(amount), JsonText.Fixed(currency), Locale.Default).Why);

    [Theory]
    [InlineData(0.1 + 0.2, "$0.30")]
    [InlineData(1e16, "$10,000,000,000,000,000.00")]
    [InlineData(2.5e-7, "$0.00")]
    [InlineData(-1234.5, "-$1,234.50")]
    public void What_was_worked_out_is_written_too(double amount, string expected) =>
        Assert.Equal(expected, Money.Text(JsonValue.Of(amount), JsonValue.Of("USD"), Locale.Default).AsString());

    [Fact]
    public void What_is_no_number_is_an_error_even_where_it_was_worked_out()
    {
        Assert.Equal("invalid-value", Money.Text(JsonValue.Of(double.NaN), JsonValue.Of("USD"), Locale.Default).Why);
        Assert.Equal("$79,228,162,514,264,337,593,543,950,335.00", Money.Text(JsonValue.Of(decimal.MaxValue), JsonValue.Of("USD"), Locale.Default).AsString());
        Assert.Equal("why", Money.Text(JsonValue.Error("why"), JsonValue.Of("USD"), Locale.Default).Why);
    }

    [Fact]
    public void Whatever_the_amount_its_digits_can_be_read_back()
    {
        var random = new Random(20251122);
        foreach (var tag in LocaleTable.Tags)
        {
            var locale = Locale.Find(tag)!;
            for (var i = 0; i < 200; i++)
            {
                var scale = (byte)random.Next(0, 8);
                var amount = new decimal(random.Next(), random.Next(0, 1 << random.Next(1, 30)), 0, random.Next(2) == 0, scale);
                var (currency, digits) = (i % 3) switch { 0 => ("USD", 2), 1 => ("JPY", 0), _ => ("KWD", 3) };
                var shown = Money.Text(JsonText.Fixed(amount.ToString(CultureInfo.InvariantCulture)), JsonValue.Of(currency), locale).AsString()!;
                Assert.True(Math.Round(amount, digits, MidpointRounding.AwayFromZero) == ReadBack(shown, locale), $"{amount} {currency} in {tag} is {shown}");
            }
        }
    }

    [Fact]
    public void A_stream_of_made_up_currencies_is_no_way_to_fill_the_memory()
    {
        var locale = Locale.Find("en-NZ")!;
        var codes = from a in Enumerable.Range('A', 26) from b in Enumerable.Range('A', 26) select $"Q{(char)a}{(char)b}";
        Assert.All(codes, c => Assert.Equal($"{c}\u00a01.00", Write("1", c, "en-NZ")));
        int Key(string code) => (code[0] << 16) | (code[1] << 8) | code[2];
        Assert.NotSame(locale.Currency(Key("QZZ")), locale.Currency(Key("QZZ")));
        Assert.Same(locale.Currency(Key("QAA")), locale.Currency(Key("QAA")));
    }

    private static string? Write(string amount, string currency, string locale) =>
        Money.Text(JsonText.Fixed(amount), JsonValue.Of(currency), Locale.Find(locale)!).AsString();

    /// <summary>The digits, between the first and the last of them; symbols have dots too.</summary>
    private static decimal ReadBack(string shown, Locale locale)
    {
        var (from, to) = (shown.IndexOfAny([.. "0123456789"]), shown.LastIndexOfAny([.. "0123456789"]));
        var digits = new StringBuilder();
        foreach (var c in shown[from..(to + 1)])
        {
            _ = c == locale.Decimal ? digits.Append('.') : c == locale.Group ? digits : digits.Append(c);
        }
        var number = decimal.Parse(digits.ToString(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
        return shown.Contains('-') || shown.Contains('−') ? -number : number;
    }
}
