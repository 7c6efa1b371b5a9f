using System.Buffers;

namespace Postern.Wire;

/// <summary>What in a path makes two readers of it disagree.</summary>
[Flags]
internal enum PathFaults : byte
{
    None = 0,
    /// <summary><c>%2f</c>.</summary>
    EncodedSlash = 1,
    /// <summary><c>%5c</c>.</summary>
    EncodedBackslash = 2,
    /// <summary><c>\</c>.</summary>
    Backslash = 4,
    /// <summary><c>//</c>.</summary>
    DoubleSlash = 8,
    /// <summary>A <c>.</c> or <c>..</c> segment, plain or encoded, with or without a path parameter.</summary>
    DotSegments = 16,
    /// <summary><c>%</c> without two hex digits, or an overlong form of an ASCII character.</summary>
    InvalidEncoding = 32,
    /// <summary>What can't be allowed: <c>%00</c>, and characters that have no place in a request line.</summary>
    Other = 64,
}

/// <summary>The path and query of a request as bytes: taken apart, and refused where upstreams would read them differently.</summary>
internal static class RequestTarget
{
    /// <summary>The most parameters a route's template may have.</summary>
    public const int MaxParameters = 16;

    private const string Visible = "!\"$&'()*+,-./0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~";

    private static readonly SearchValues<char> PlainInPath = SearchValues.Create(Visible);
    private static readonly SearchValues<char> AllowedInQuery = SearchValues.Create(Visible + "?%\\");
    private static readonly SearchValues<string> PathPairs = SearchValues.Create(["//", "/."], StringComparison.Ordinal);
    private static readonly string[] Schemes = ["http://", "https://", "ws://", "wss://"];

    /// <summary>Takes an origin-form (<c>/a?b</c>) or absolute-form (<c>http://host/a?b</c>) target apart; the query keeps its
    /// <c>?</c>. False for every other form: <c>*</c>, an authority, rubbish.</summary>
    public static bool TrySplit(string rawTarget, out string path, out string query)
    {
        (path, query) = (rawTarget, "");
        if (rawTarget.Length == 0)
        {
            return false;
        }
        var start = 0;
        if (rawTarget[0] != '/')
        {
            start = EndOfAuthority(rawTarget);
            if (start < 0)
            {
                return false;
            }
        }
        var mark = rawTarget.AsSpan(start).IndexOf('?');
        if (mark >= 0)
        {
            query = rawTarget[(start + mark)..];
            path = rawTarget.Substring(start, mark);
        }
        else if (start > 0)
        {
            path = rawTarget[start..];
        }
        if (path.Length == 0)
        {
            path = "/"; // RFC 9110 §4.2.3: an empty path is "/".
        }
        return true;
    }

    /// <summary>Everything doubtful in a path and its query, by their raw bytes. What is encoded in a query is passed as it is.</summary>
    public static PathFaults Inspect(string path, string query)
    {
        var faults = PathFaults.None;
        if (path.Length == 0 || path[0] != '/')
        {
            faults |= PathFaults.Other;
        }
        if (path.AsSpan().ContainsAnyExcept(PlainInPath) || path.AsSpan().IndexOfAny(PathPairs) >= 0)
        {
            faults |= InspectSlowly(path);
        }
        if (query.Length > 0 && query.AsSpan().ContainsAnyExcept(AllowedInQuery))
        {
            faults |= PathFaults.Other;
        }
        return faults;
    }

    /// <summary>Says what is wrong, for the client that sent it: the path has an encoded slash (%2f).</summary>
    public static string Describe(PathFaults faults)
    {
        var parts = new List<string>();
        foreach (var (fault, text) in Descriptions)
        {
            if ((faults & fault) != 0)
            {
                parts.Add(text);
            }
        }
        return parts.Count == 0 ? "The path is fine." : $"The path has {string.Join(" and ", parts)}.";
    }

    /// <summary>What is wrong with a path that a configuration holds, for its author; null where nothing is. Which separators are
    /// doubled or encoded is the author's business; a path that no request may have is not.</summary>
    public static string? Mistake(string path)
    {
        var faults = path.IndexOfAny(['%', '.']) < 0 ? PathFaults.None : InspectSlowly(path);
        return (faults & PathFaults.InvalidEncoding) != 0 ? $"'%' stands before two hex digits of UTF-8, got '{path}'; write %25 for the sign itself"
            : (faults & PathFaults.DotSegments) != 0 ? $"a path has no '.' or '..' segment, got '{path}'; write the path it means"
            : path.Contains("%00", StringComparison.Ordinal) ? $"a path has no encoded NUL, got '{path}'; remove %00" : null;
    }

    private static readonly (PathFaults, string)[] Descriptions =
    [
        (PathFaults.EncodedSlash, "an encoded slash (%2f)"),
        (PathFaults.EncodedBackslash, "an encoded backslash (%5c)"),
        (PathFaults.Backslash, "a backslash"),
        (PathFaults.DoubleSlash, "an empty segment (//)"),
        (PathFaults.DotSegments, "a dot segment (. or ..)"),
        (PathFaults.InvalidEncoding, "a '%' that encodes nothing valid"),
        (PathFaults.Other, "a character that no URL can have, or an encoded NUL (%00)"),
    ];

    /// <summary>Where the path of an absolute-form target begins (at its <c>/</c> or <c>?</c>, or at the end); -1 if it has no such form.</summary>
    private static int EndOfAuthority(string target)
    {
        foreach (var scheme in Schemes)
        {
            if (target.StartsWith(scheme, StringComparison.OrdinalIgnoreCase))
            {
                var length = target.AsSpan(scheme.Length).IndexOfAny('/', '?');
                var end = length < 0 ? target.Length : scheme.Length + length;
                return HostName.IsValid(target.AsSpan(scheme.Length, end - scheme.Length)) ? end : -1;
            }
        }
        return -1;
    }

    private static PathFaults InspectSlowly(ReadOnlySpan<char> path)
    {
        var faults = PathFaults.None;
        var segment = 0;
        for (var i = 0; i < path.Length;)
        {
            var (fault, length, separates) = path[i] switch
            {
                '/' => (i + 1 < path.Length && path[i + 1] == '/' ? PathFaults.DoubleSlash : PathFaults.None, 1, true),
                '\\' => (PathFaults.Backslash, 1, true),
                '%' => InspectEncoded(path[i..]),
                _ => (PlainInPath.Contains(path[i]) ? PathFaults.None : PathFaults.Other, 1, false),
            };
            faults |= fault;
            // Encoded slashes and backslashes end a segment too: where they are allowed, an upstream may decode them first.
            if (separates)
            {
                faults |= InspectSegment(path[segment..i]);
                segment = i + length;
            }
            i += length;
        }
        return faults | InspectSegment(path[segment..]);
    }

    private static (PathFaults Fault, int Length, bool Separates) InspectEncoded(ReadOnlySpan<char> text)
    {
        switch (Encoded(text))
        {
            case -1: return (PathFaults.InvalidEncoding, 1, false);
            case 0: return (PathFaults.Other, 3, false);
            case '/': return (PathFaults.EncodedSlash, 3, true);
            case '\\': return (PathFaults.EncodedBackslash, 3, true);
            // RFC 3629 §3: overlong forms must not be decoded; what does it all the same reads %c0%ae as '.'.
            case 0xc0 or 0xc1 when Encoded(text[3..]) is >= 0x80 and < 0xc0:
            case 0xe0 when Encoded(text[3..]) is >= 0x80 and < 0xa0:
            case 0xf0 when Encoded(text[3..]) is >= 0x80 and < 0x90:
                return (PathFaults.InvalidEncoding, 3, false);
            default: return (PathFaults.None, 3, false);
        }
    }

    /// <summary>The byte that <c>%xx</c> at the beginning of <paramref name="text"/> stands for, or -1.</summary>
    private static int Encoded(ReadOnlySpan<char> text) =>
        text.Length >= 3 && text[0] == '%' && char.IsAsciiHexDigit(text[1]) && char.IsAsciiHexDigit(text[2])
            ? (HexValue(text[1]) << 4) | HexValue(text[2])
            : -1;

    private static int HexValue(char c) => c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;

    /// <summary>Whether a segment is <c>.</c> or <c>..</c>, alone or before a path parameter (<c>..;x</c>), in any encoding.</summary>
    private static PathFaults InspectSegment(ReadOnlySpan<char> segment)
    {
        var dots = 0;
        while (segment.Length > 0)
        {
            var c = segment[0] == '%' ? Encoded(segment) : segment[0];
            if (c == ';')
            {
                break;
            }
            if (c != '.' || ++dots > 2)
            {
                return PathFaults.None;
            }
            segment = segment[(segment[0] == '%' ? 3 : 1)..];
        }
        return dots > 0 ? PathFaults.DotSegments : PathFaults.None;
    }
}
