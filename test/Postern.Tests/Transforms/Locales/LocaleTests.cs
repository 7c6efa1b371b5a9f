using Postern.Transforms.Locales;

namespace Postern.Tests.Transforms.Locales;

/// <summary>The table: that all of it can be read, and says something.</summary>
public sealed class LocaleTests
{
    [Theory]
    [InlineData("de-DE", "de-DE")]
    [InlineData("de-de", "de-DE")]
    [InlineData("DE-CH", "de-CH")]
    [InlineData("de", "de-DE")]
    [InlineData("en", "en-US")]
    [InlineData("pt", "pt-BR")]
    [InlineData("zh", "zh-CN")]
    [InlineData("fi", "fi-FI")]
    [InlineData("fil", "fil-PH")]
    [InlineData("d", null)]
    [InlineData("", null)]
    [InlineData("de-", null)]
    [InlineData("de_DE", null)]
    [InlineData("de-XX", null)]
    [InlineData("currencies", null)]
    [InlineData("xx", null)]
    public void A_locale_is_found_by_its_tag_or_its_language(string tag, string? expected) => Assert.Equal(expected, Locale.Find(tag)?.Tag);

    [Theory]
    [InlineData("en-US en-GB en-CA en-AU en-IN de-DE de-AT de-CH fr-FR fr-CA fr-CH es-ES es-MX it-IT nl-NL pt-BR pt-PT sv-SE nb-NO da-DK fi-FI pl-PL cs-CZ hu-HU")]
    [InlineData("ro-RO el-GR tr-TR ru-RU uk-UA ja-JP ko-KR zh-CN zh-TW he-IL ar-AE ar-EG ar-SA id-ID vi-VN th-TH hi-IN")]
    public void The_usual_locales_are_there(string tags) => Assert.All(tags.Split(' '), t => Assert.NotNull(Locale.Find(t)));

    [Fact]
    public void Every_locale_is_whole()
    {
        foreach (var tag in LocaleTable.Tags)
        {
            var locale = Locale.Find(tag)!;
            Assert.Equal((12, 12, 7, 7, 2), (locale.Months.Length, locale.ShortMonths.Length, locale.Days.Length, locale.ShortDays.Length, locale.Halves.Length));
            Assert.All([.. locale.Months, .. locale.ShortMonths, .. locale.Days, .. locale.ShortDays, .. locale.Halves], n => Assert.DoesNotContain('\\', n));
            Assert.Equal(5, locale.Formats.Count);
            Assert.DoesNotContain(locale.Formats.Values, f => f is null);
            Assert.Equal((12, 7), (locale.Months.Distinct().Count(), locale.Days.Distinct().Count()));
            Assert.Contains(locale.Decimal, ".,");
            Assert.NotEqual(locale.Decimal, locale.Group);
            Assert.InRange(locale.LeastGrouped, 4, 5);
            Assert.InRange(locale.LaterGroups, 2, 3);
            var style = locale.Currency(('E' << 16) | ('U' << 8) | 'R');
            Assert.NotEqual(style.Before + style.After, style.BeforeNegative + style.AfterNegative);
        }
    }

    [Theory]
    [InlineData("USD", 2)]
    [InlineData("EUR", 2)]
    [InlineData("HUF", 2)]
    [InlineData("JPY", 0)]
    [InlineData("KRW", 0)]
    [InlineData("CLP", 0)]
    [InlineData("ISK", 0)]
    [InlineData("KWD", 3)]
    [InlineData("TND", 3)]
    [InlineData("CLF", 4)]
    [InlineData("XXX", 2)]
    public void A_currency_has_the_minor_unit_of_ISO_4217(string code, int digits) => Assert.Equal(digits, Locale.Default.Currency((code[0] << 16) | (code[1] << 8) | code[2]).Digits);
}
