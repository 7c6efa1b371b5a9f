using Microsoft.Extensions.Primitives;
using Postern.Transforms.Locales;

namespace Postern.Tests.Transforms.Locales;

public sealed class AcceptLanguageTests
{
    [Theory]
    [InlineData("en-US de-DE fr-FR", null, "en-US")]
    [InlineData("en-US de-DE fr-FR", "", "en-US")]
    [InlineData("en-US de-DE fr-FR", "de-DE", "de-DE")]
    [InlineData("en-US de-DE fr-FR", "DE-de", "de-DE")]
    [InlineData("en-US de-DE fr-FR", "de", "de-DE")]
    [InlineData("en-US de-DE fr-FR", "de-CH", "de-DE")]
    [InlineData("en-US de-DE fr-FR", "de-Latn-CH-1996", "de-DE")]
    [InlineData("en-US de-DE fr-FR", "es", "en-US")]
    [InlineData("en-US de-DE fr-FR", "es, fr;q=0.1", "fr-FR")]
    [InlineData("en-US de-DE fr-FR", "fr;q=0.5, de;q=0.8, en;q=0.3", "de-DE")]
    [InlineData("en-US de-DE fr-FR", "fr;q=0.8,de;q=0.8", "fr-FR")]
    [InlineData("en-US de-DE fr-FR", "de;q=0.300 , fr;Q=0.301\t,", "fr-FR")]
    [InlineData("en-US de-DE fr-FR", "fr;q=1.000, de", "fr-FR")]
    [InlineData("en-US de-DE fr-FR", "de;q=0", "en-US")]
    [InlineData("en-US de-DE fr-FR", "en;q=0", "en-US")]
    [InlineData("en-US de-DE fr-FR", "*", "en-US")]
    [InlineData("en-US de-DE fr-FR", "*, en;q=0.1", "de-DE")]
    [InlineData("en-US de-DE fr-FR", "en;q=0, *", "de-DE")]
    [InlineData("en-US de-DE fr-FR", "en;q=0, de;q=0.0, *;q=0.1", "fr-FR")]
    [InlineData("en-US de-DE fr-FR", "fr;q=0.2, *;q=0.1", "fr-FR")]
    [InlineData("en-US de-DE fr-FR", "*;q=0, fr;q=0.2", "fr-FR")]
    [InlineData("en-US de-DE fr-FR", "*;q=0", "en-US")]
    [InlineData("en-US de-AT de-CH", "de", "de-AT")]
    [InlineData("en-US de-AT de-CH", "de-CH", "de-CH")]
    [InlineData("en-US de-AT de-CH", "de-DE, de-CH;q=0.9", "de-AT")]
    [InlineData("en-US de-AT de-CH", "de, de-AT;q=0", "de-CH")]
    [InlineData("en-US de-AT de-CH", "de-CH, de;q=0", "de-CH")]
    [InlineData("en-US zh-CN zh-TW", "zh", "zh-CN")]
    [InlineData("en-US zh-CN zh-TW", "zh-Hant", "zh-TW")]
    [InlineData("en-US zh-CN zh-TW", "zh-HK", "zh-TW")]
    [InlineData("en-US zh-CN zh-TW", "zh-Hans-HK", "zh-CN")]
    [InlineData("en-US zh-CN", "zh-Hant-TW", "en-US")]
    [InlineData("en-US zh-CN", "zh-SG", "zh-CN")]
    [InlineData("en-US de-DE fr-FR", "d, de-, -de, e, germandeutsch, eng", "de-DE")]
    [InlineData("en-US de-DE fr-FR", "fr;q=2, fr;q=1.1, fr;q=-1, fr;q=0.1234, fr;q=.5, fr;q, fr;q=, fr;x=1, fr;q=a", "en-US")]
    [InlineData("en-US de-DE fr-FR", ";q=1,,;, ,fr;q=0.1", "fr-FR")]
    [InlineData("en-US fil-PH", "fi", "en-US")]
    public void The_range_of_most_weight_that_names_a_locale_decides(string locales, string? field, string expected) =>
        Assert.Equal(expected, Pick(locales, field is null ? StringValues.Empty : field));

    [Fact]
    public void Lines_of_a_field_are_one_list() => Assert.Equal("fr-FR", Pick("en-US de-DE fr-FR", new StringValues(["es, de;q=0.5", "fr;q=0.6"])));

    [Fact]
    public void Past_the_bound_nothing_is_read()
    {
        var many = string.Join(',', Enumerable.Repeat("es", AcceptLanguage.MaxRanges));
        Assert.Equal("en-US", Pick("en-US de-DE", many + ",de"));
        Assert.Equal("de-DE", Pick("en-US de-DE", many[3..] + ",de"));
        Assert.Equal("en-US", Pick("en-US de-DE", new string(',', 100_000) + new string('d', 100_000)));
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        Locale[] locales = [Locale.Find("en-US")!, Locale.Find("de-DE")!, Locale.Find("fr-FR")!];
        StringValues field = "da, en-gb;q=0.8, fr;q=0.9, *;q=0.1, de;q=0";
        _ = AcceptLanguage.Pick(field, locales);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            _ = AcceptLanguage.Pick(field, locales);
        }
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1000);
    }

    [Fact]
    public void Any_rubbish_picks_a_locale()
    {
        var random = new Random(5);
        const string Letters = "deenfr-*;q=01.9, \t\u00ffzh";
        for (var i = 0; i < 20_000; i++)
        {
            _ = Pick("en-US de-DE zh-TW", string.Concat(Enumerable.Range(0, random.Next(40)).Select(_ => Letters[random.Next(Letters.Length)])));
        }
    }

    private static string Pick(string locales, StringValues field)
    {
        Locale[] all = [.. locales.Split(' ').Select(l => Locale.Find(l)!)];
        return all[AcceptLanguage.Pick(field, all)].Tag;
    }
}
