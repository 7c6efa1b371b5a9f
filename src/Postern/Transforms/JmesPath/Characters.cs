namespace Postern.Transforms.JmesPath;

/// <summary>Texts by their characters as the language counts them: code points, so a pair of surrogates is one.</summary>
internal static class Characters
{
    /// <summary>Whether a character takes two places anywhere.</summary>
    public static bool HasPairs(ReadOnlySpan<char> text) => text.IndexOfAnyInRange('\uD800', '\uDFFF') >= 0;

    /// <summary>How many there are.</summary>
    public static int Count(ReadOnlySpan<char> text)
    {
        if (!HasPairs(text))
        {
            return text.Length;
        }
        var count = 0;
        for (var at = 0; at < text.Length; at += Width(text, at))
        {
            count++;
        }
        return count;
    }

    /// <summary>The same of UTF-8 that is known to be right.</summary>
    public static int Count(ReadOnlySpan<byte> utf8)
    {
        var count = 0;
        foreach (var b in utf8)
        {
            count += (b & 0xC0) != 0x80 ? 1 : 0;
        }
        return count;
    }

    /// <summary>Each of them.</summary>
    public static List<string> Of(string text)
    {
        var characters = new List<string>(text.Length);
        for (var at = 0; at < text.Length;)
        {
            var width = Width(text, at);
            characters.Add(text.Substring(at, width));
            at += width;
        }
        return characters;
    }

    /// <summary>Where the one of that number begins; the end, if there are fewer.</summary>
    public static int Place(ReadOnlySpan<char> text, int number)
    {
        if (!HasPairs(text))
        {
            return Math.Min(number, text.Length);
        }
        var at = 0;
        for (; number > 0 && at < text.Length; number--)
        {
            at += Width(text, at);
        }
        return at;
    }

    /// <summary>Places that the one which begins here takes.</summary>
    public static int Width(ReadOnlySpan<char> text, int at) =>
        char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? 2 : 1;

    /// <summary>Which text comes first, by code points.</summary>
    public static int Compare(string a, string b)
    {
        var same = a.AsSpan().CommonPrefixLength(b);
        if (same == a.Length || same == b.Length)
        {
            return a.Length.CompareTo(b.Length);
        }
        return Order(a[same]).CompareTo(Order(b[same]));
    }

    /// <summary>Halves of pairs stand for characters behind all that take one place.</summary>
    private static int Order(char c) => char.IsSurrogate(c) ? c + 0x10000 : c;
}
