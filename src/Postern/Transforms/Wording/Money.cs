using System.Globalization;
using Postern.Transforms.Json;
using Postern.Transforms.Locales;

namespace Postern.Transforms.Wording;

/// <summary>
/// <c>money(amount, currency)</c>: an amount as people of the locale write it. The amount's decimal digits are rounded as they came,
/// so nothing passes through a binary fraction; half goes away from zero, as browsers and tills do it: 1.005 is $1.01, not $1.00.
/// </summary>
internal static class Money
{
    /// <summary>More digits are no amount.</summary>
    private const int MaxDigits = 40;

    private static readonly JsonValue Dollars = JsonValue.Of("USD");

    /// <summary>The text; null of null; an error where it is no amount or no code of a currency.</summary>
    public static JsonValue Text(in JsonValue amount, in JsonValue currency, Locale locale)
    {
        if (amount.IsError || currency.IsError)
        {
            return amount.IsError ? amount : currency;
        }
        if (amount.IsNull)
        {
            return JsonValue.Null;
        }
        if (amount.Kind is not (JsonKind.Number or JsonKind.String) || currency.Kind != JsonKind.String)
        {
            return JsonValue.Error("invalid-type");
        }
        Span<char> code = stackalloc char[3];
        if (!ShortText.TryCopy(currency, code, out var letters) || Key(code[..letters]) is not (> 0 and var key))
        {
            return JsonValue.Error("invalid-value");
        }
        Span<char> written = stackalloc char[128];
        return ShortText.TryCopy(amount, written, out var length) && Text(written[..length], locale.Currency(key), locale) is { } text
            ? JsonValue.Of(text) : JsonValue.Error("invalid-value");
    }

    /// <summary>What is wrong with a currency; null where nothing is.</summary>
    public static Mistake? InCurrency(string code) => Key(code) == 0 ? new($"no currency '{code}'", "write its three letters (ISO 4217), such as 'USD'") : null;

    /// <summary>What is wrong with an amount that stands in an expression; null where nothing is.</summary>
    public static Mistake? InAmount(in JsonValue amount) => !Text(amount, Dollars, Locale.Default).IsError ? null
        : new(amount.AsString() is { } text ? $"no amount '{text}'" : "no amount", $"write a number of at most {MaxDigits} digits; a field's name stands without quotes: money(total, 'USD')");

    /// <summary>An amount, written as JSON writes numbers; null where it isn't, or has too many digits.</summary>
    private static string? Text(ReadOnlySpan<char> amount, CurrencyStyle style, Locale locale)
    {
        Span<byte> digits = stackalloc byte[MaxDigits + 1];
        if (!TryRead(amount, digits[1..], out var count, out var point, out var negative))
        {
            return null;
        }
        // 1. Digits that are kept: all before the point, and the currency's behind it. One more in front, should rounding need it.
        digits[0] = 0;
        var kept = point + style.Digits;
        if (kept >= 0 && kept < count && digits[1 + kept] >= 5)
        {
            Increment(digits[..(kept + 1)]);
        }
        count = Math.Clamp(kept, 0, count);
        var first = digits[0] > 0 ? 0 : 1;
        var all = digits[first..(count + 1)];
        point += 1 - first;
        negative &= all.ContainsAnyExcept((byte)0); // Nobody owes -$0.00.
        // 2. The text: digits, as many signs between groups, a point and what follows it.
        Span<char> text = stackalloc char[(MaxDigits * 2) + 8];
        var length = Whole(text, all, point, locale);
        if (style.Digits > 0)
        {
            text[length++] = locale.Decimal;
            for (var i = point; i < point + style.Digits; i++)
            {
                text[length++] = Digit(all, i);
            }
        }
        return negative ? string.Concat(style.BeforeNegative, text[..length], style.AfterNegative) : string.Concat(style.Before, text[..length], style.After);
    }

    private static int Whole(Span<char> text, ReadOnlySpan<byte> digits, int point, Locale locale)
    {
        if (point <= 0)
        {
            text[0] = '0';
            return 1;
        }
        var length = 0;
        for (var i = 0; i < point; i++)
        {
            var left = point - i;
            if (i > 0 && point >= locale.LeastGrouped && left >= 3 && (left - 3) % locale.LaterGroups == 0)
            {
                text[length++] = locale.Group;
            }
            text[length++] = Digit(digits, i);
        }
        return length;
    }

    private static char Digit(ReadOnlySpan<byte> digits, int at) => (char)('0' + (at >= 0 && at < digits.Length ? digits[at] : 0));

    private static void Increment(Span<byte> digits)
    {
        var at = digits.Length - 1;
        while (digits[at] == 9)
        {
            digits[at--] = 0;
        }
        digits[at]++;
    }

    /// <summary>Takes a number apart: digits without the zeros in front, and where among them the point stands (before them where it is below zero).</summary>
    private static bool TryRead(ReadOnlySpan<char> text, Span<byte> digits, out int count, out int point, out bool negative)
    {
        (count, point) = (0, 0);
        negative = text.StartsWith('-');
        text = negative ? text[1..] : text;
        var (seen, behind) = (0, false);
        var at = 0;
        for (; at < text.Length && (char.IsAsciiDigit(text[at]) || (text[at] == '.' && !behind && seen > 0)); at++)
        {
            if (text[at] == '.')
            {
                (behind, seen) = (true, 0);
                continue;
            }
            seen++;
            if (count > 0 || text[at] != '0')
            {
                if (count == digits.Length)
                {
                    return false;
                }
                digits[count++] = (byte)(text[at] - '0');
                point += behind ? 0 : 1;
            }
            else if (behind)
            {
                point--;
            }
        }
        if (seen == 0 || !TryExponent(text[at..], out var exponent))
        {
            return false;
        }
        point = count == 0 ? 0 : point + exponent;
        return point <= digits.Length;
    }

    private static bool TryExponent(ReadOnlySpan<char> text, out int exponent)
    {
        exponent = 0;
        return text.IsEmpty || ((text[0] | 0x20) == 'e' && text.Length is > 1 and < 8 && int.TryParse(text[1..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent));
    }

    /// <summary>Three letters as a number, whichever case upstreams write them in; 0 where there are no three letters.</summary>
    private static int Key(ReadOnlySpan<char> code)
    {
        if (code.Length != 3 || !char.IsAsciiLetter(code[0]) || !char.IsAsciiLetter(code[1]) || !char.IsAsciiLetter(code[2]))
        {
            return 0;
        }
        return ((code[0] & ~0x20) << 16) | ((code[1] & ~0x20) << 8) | (code[2] & ~0x20);
    }
}
