using System.Collections.Concurrent;
using System.Collections.Frozen;
using Postern.Transforms.Wording;

namespace Postern.Transforms.Locales;

/// <summary>How amounts and dates are written for people of one language and country. Digits are 0-9 and the calendar is the Gregorian one in all of them.</summary>
internal sealed class Locale
{
    /// <summary>Locales are few; currencies are what upstreams say, and are kept up to this many.</summary>
    private const int MaxCurrencies = 256;

    private static readonly ConcurrentDictionary<string, Locale> Read = new(StringComparer.Ordinal);

    private readonly ConcurrentDictionary<int, CurrencyStyle> currencies = new();
    private readonly FrozenDictionary<string, string> symbols;
    private readonly string positive;
    private readonly string negative;

    private Locale(string tag)
    {
        var lines = LocaleTable.Of(tag);
        Tag = tag;
        var number = LocaleTable.Value(lines, "number").Split(' ');
        (Decimal, Group, LeastGrouped, LaterGroups) = (number[0][0], number[1][0], 3 + (number[2][0] - '0'), number[3][0] - '0');
        (positive, negative) = LocaleTable.Values(lines, "money") switch { var money => (money[0], money[1]) };
        symbols = LocaleTable.Pairs(lines, "symbols").ToFrozenDictionary();
        (Months, ShortMonths) = (LocaleTable.Values(lines, "months"), LocaleTable.Values(lines, "monthsShort"));
        (Days, ShortDays) = (LocaleTable.Values(lines, "days"), LocaleTable.Values(lines, "daysShort"));
        Halves = LocaleTable.Values(lines, "halves");
        Formats = DatePattern.Names.ToFrozenDictionary(n => n, n => DatePattern.Parse(LocaleTable.Value(lines, n), out _)!);
    }

    /// <summary>What holds where nothing is configured: <c>en-US</c>.</summary>
    public static Locale Default { get; } = Find("en-US")!;

    /// <summary>As it is written: <c>de-DE</c>.</summary>
    public string Tag { get; }

    /// <summary>Between whole and part: <c>,</c>.</summary>
    public char Decimal { get; }

    /// <summary>Between groups of digits: <c>.</c>.</summary>
    public char Group { get; }

    /// <summary>An amount's whole digits are grouped from so many on: in Spain 1234 isn't, 12.345 is.</summary>
    public int LeastGrouped { get; }

    /// <summary>How many digits a group has past the first: 2 in India.</summary>
    public int LaterGroups { get; }

    /// <summary>January first, as it stands in a date.</summary>
    public string[] Months { get; }

    /// <summary>The same in short.</summary>
    public string[] ShortMonths { get; }

    /// <summary>Sunday first.</summary>
    public string[] Days { get; }

    /// <summary>The same in short.</summary>
    public string[] ShortDays { get; }

    /// <summary>What stands for the first half of a day, and for the second.</summary>
    public string[] Halves { get; }

    /// <summary>Dates by the names of their formats.</summary>
    public FrozenDictionary<string, DatePattern> Formats { get; }

    /// <summary>The locale of that tag, in any case (RFC 5646 §2.1.1), or the first of that language; null where there is none.</summary>
    public static Locale? Find(string tag)
    {
        foreach (var known in LocaleTable.Tags)
        {
            if (known.Equals(tag, StringComparison.OrdinalIgnoreCase) || (!tag.Contains('-') && known.StartsWith($"{tag}-", StringComparison.OrdinalIgnoreCase)))
            {
                return Read.GetOrAdd(known, static t => new Locale(t));
            }
        }
        return null;
    }

    /// <summary>How a currency is written.</summary>
    /// <param name="key">Its code: three upper-case letters, the first in the third byte.</param>
    public CurrencyStyle Currency(int key)
    {
        if (currencies.TryGetValue(key, out var style))
        {
            return style;
        }
        var code = string.Create(3, key, static (text, k) => (text[0], text[1], text[2]) = ((char)(k >> 16), (char)((k >> 8) & 0xff), (char)(k & 0xff)));
        style = new CurrencyStyle(symbols.GetValueOrDefault(code) ?? LocaleTable.UsualSymbols.GetValueOrDefault(code) ?? code, positive, negative, LocaleTable.Digits.GetValueOrDefault(code, 2));
        return currencies.Count < MaxCurrencies ? currencies.GetOrAdd(key, style) : style;
    }

    /// <inheritdoc/>
    public override string ToString() => Tag;
}
