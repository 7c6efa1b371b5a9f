using System.Globalization;

namespace Postern.Transforms.Locales;

/// <summary>What stands around an amount of one currency in one locale.</summary>
internal sealed class CurrencyStyle
{
    private const char NoBreakSpace = '\u00a0';

    /// <param name="symbol">The currency's symbol.</param>
    /// <param name="positive">The locale's pattern: <c>0 ¤</c>.</param>
    /// <param name="negative">The same for amounts below zero: <c>-0 ¤</c>.</param>
    /// <param name="digits">How many digits follow the point.</param>
    public CurrencyStyle(string symbol, string positive, string negative, int digits)
    {
        (Before, After) = Around(symbol, positive);
        (BeforeNegative, AfterNegative) = Around(symbol, negative);
        Digits = digits;
    }

    public string Before { get; }

    public string After { get; }

    public string BeforeNegative { get; }

    public string AfterNegative { get; }

    /// <summary>The currency's minor unit (ISO 4217).</summary>
    public int Digits { get; }

    /// <summary>CLDR's spacing of currencies: what isn't a symbol, a letter or a point, never touches a digit: CHF 1.00, but $1.00.</summary>
    private static (string, string) Around(string symbol, string pattern)
    {
        var number = pattern.IndexOf('0');
        var (before, after) = (pattern[..number], pattern[(number + 1)..]);
        if (before.EndsWith('¤') && NeedsSpace(symbol[^1]))
        {
            before += NoBreakSpace;
        }
        if (after.StartsWith('¤') && NeedsSpace(symbol[0]))
        {
            after = NoBreakSpace + after;
        }
        return (before.Replace("¤", symbol, StringComparison.Ordinal), after.Replace("¤", symbol, StringComparison.Ordinal));
    }

    private static bool NeedsSpace(char c) => char.GetUnicodeCategory(c) is not (UnicodeCategory.CurrencySymbol or UnicodeCategory.MathSymbol
        or UnicodeCategory.ModifierSymbol or UnicodeCategory.OtherSymbol or UnicodeCategory.SpaceSeparator);
}
