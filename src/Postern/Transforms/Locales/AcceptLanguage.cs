using Microsoft.Extensions.Primitives;

namespace Postern.Transforms.Locales;

/// <summary>
/// Which of a few locales a client wants (RFC 9110 §12.5.4). The range with the highest weight that names one of them decides, by
/// look-up (RFC 4647 §3.4): <c>de-CH</c> finds <c>de-CH</c>, else a locale of <c>de</c>; <c>de</c> finds <c>de-DE</c>. <c>*</c> is the first
/// locale that no range names; weight 0 is never given. Nothing is copied, and past <see cref="MaxRanges"/> nothing is read.
/// </summary>
internal static class AcceptLanguage
{
    /// <summary>Ranges of one request that count.</summary>
    public const int MaxRanges = 32;

    private readonly record struct Range(int Line, int Start, int Length, int Weight);

    /// <summary>The index of the locale; 0 where none is named.</summary>
    public static int Pick(StringValues field, Locale[] locales)
    {
        Span<Range> ranges = stackalloc Range[MaxRanges];
        ranges = ranges[..Read(field, ranges)];
        var (best, weight) = (0, 0);
        foreach (var range in ranges)
        {
            if (range.Weight > weight && Find(Text(field, range), field, ranges, locales) is >= 0 and var index)
            {
                (best, weight) = (index, range.Weight);
            }
        }
        return best;
    }

    private static ReadOnlySpan<char> Text(StringValues field, Range range) => field[range.Line].AsSpan(range.Start, range.Length);

    /// <summary>The locale that a range names: the one that has most in common with it; -1 for none.</summary>
    private static int Find(ReadOnlySpan<char> range, StringValues field, ReadOnlySpan<Range> ranges, Locale[] locales)
    {
        var (best, common) = (-1, 0);
        for (var i = 0; i < locales.Length; i++)
        {
            var tag = locales[i].Tag;
            var fit = range is "*" ? (Names(field, ranges, tag) ? 0 : 1) : Fit(range, tag);
            if (fit > common && !IsRefused(field, ranges, tag))
            {
                (best, common) = (i, fit);
            }
        }
        return best;
    }

    /// <summary>0 where it isn't the language, or not its script; 2 where it is the locale itself; 1 where it is near.</summary>
    private static int Fit(ReadOnlySpan<char> range, ReadOnlySpan<char> tag)
    {
        var end = range.IndexOf('-');
        var language = end < 0 ? range : range[..end];
        if (!tag.StartsWith(language, StringComparison.OrdinalIgnoreCase) || tag[language.Length] != '-')
        {
            return 0;
        }
        if (end < 0)
        {
            return 1;
        }
        var script = Script(range);
        if (script != default && script != Script(tag))
        {
            return 0;
        }
        var region = range[(range.LastIndexOf('-') + 1)..];
        return region.Equals(tag[(language.Length + 1)..], StringComparison.OrdinalIgnoreCase) ? 2 : 1;
    }

    /// <summary>Chinese is written in two ways, and who reads one may not read the other: by what the tag says, else by its region.</summary>
    private static char Script(ReadOnlySpan<char> tag)
    {
        if (!tag.StartsWith("zh-", StringComparison.OrdinalIgnoreCase))
        {
            return default;
        }
        var behind = tag[3..];
        return Begins(behind, "Hant") ? 't' : Begins(behind, "Hans") ? 's' : Begins(behind, "TW") || Begins(behind, "HK") || Begins(behind, "MO") ? 't' : 's';
    }

    private static bool Begins(ReadOnlySpan<char> text, ReadOnlySpan<char> part) =>
        text.StartsWith(part, StringComparison.OrdinalIgnoreCase) && (text.Length == part.Length || text[part.Length] == '-');

    /// <summary>Whether a range other than <c>*</c> is the locale's, whatever its weight.</summary>
    private static bool Names(StringValues field, ReadOnlySpan<Range> ranges, ReadOnlySpan<char> tag)
    {
        foreach (var range in ranges)
        {
            if (Begins(tag, Text(field, range)))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Whether the longest range that the tag begins with has weight 0.</summary>
    private static bool IsRefused(StringValues field, ReadOnlySpan<Range> ranges, ReadOnlySpan<char> tag)
    {
        var (longest, refused) = (0, false);
        foreach (var range in ranges)
        {
            var text = Text(field, range);
            var length = text is "*" ? 1 : Begins(tag, text) ? text.Length : 0;
            if (length > longest)
            {
                (longest, refused) = (length, range.Weight == 0);
            }
        }
        return refused;
    }

    private static int Read(StringValues field, Span<Range> ranges)
    {
        var count = 0;
        for (var line = 0; line < field.Count; line++)
        {
            var text = field[line].AsSpan();
            foreach (var part in text.Split(','))
            {
                if (count == ranges.Length)
                {
                    return count;
                }
                if (TryRead(text[part], out var start, out var length, out var weight))
                {
                    ranges[count++] = new Range(line, part.Start.GetOffset(text.Length) + start, length, weight);
                }
            }
        }
        return count;
    }

    /// <summary>One range with its weight, in thousandths. What is neither is passed over.</summary>
    private static bool TryRead(ReadOnlySpan<char> part, out int start, out int length, out int weight)
    {
        (start, weight) = (part.Length - part.TrimStart(" \t").Length, 1000);
        var semicolon = part.IndexOf(';');
        var range = (semicolon < 0 ? part : part[..semicolon])[Math.Min(start, semicolon < 0 ? part.Length : semicolon)..].TrimEnd(" \t");
        length = range.Length;
        return length is > 0 and < 36 && (semicolon < 0 || TryWeight(part[(semicolon + 1)..].Trim(" \t"), out weight));
    }

    /// <summary>RFC 9110 §12.4.2: <c>q=</c>, then 0 to 1 with up to three digits behind the point.</summary>
    private static bool TryWeight(ReadOnlySpan<char> text, out int weight)
    {
        weight = 0;
        if (text.Length < 3 || (text[0] | 0x20) != 'q' || text[1] != '=' || text[2] is not ('0' or '1') || text.Length > 7 || (text.Length > 3 && text[3] != '.'))
        {
            return false;
        }
        weight = text[2] == '1' ? 1000 : 0;
        var unit = 100;
        for (var i = 4; i < text.Length; i++, unit /= 10)
        {
            if (!char.IsAsciiDigit(text[i]))
            {
                return false;
            }
            weight += unit * (text[i] - '0');
        }
        return weight <= 1000;
    }
}
