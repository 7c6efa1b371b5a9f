using System.Buffers;
using System.Net;
using System.Text;

namespace Postern.Transforms.Wording;

/// <summary>
/// <c>text(html)</c>: what a reader sees of HTML. Tags and comments are gone, scripts and styles with what is in them; character
/// references are what they stand for; white space of any kind and the ends of blocks are one space. Markup is taken apart as
/// browsers do it (WHATWG HTML §13.2.5), from any input, in one pass. What comes out is plain text and may hold any character,
/// <c>&lt;</c> too: who puts it into a page escapes it like any other text.
/// </summary>
internal static class PlainText
{
    private static readonly SearchValues<char> Special = SearchValues.Create("<&");

    /// <summary>Elements that a browser starts on a line of their own.</summary>
    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> Blocks = new HashSet<string>(StringComparer.OrdinalIgnoreCase)
    {
        "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details", "dialog", "dir", "div", "dl", "dt", "fieldset",
        "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hgroup", "hr", "html", "legend", "li", "main",
        "menu", "nav", "ol", "optgroup", "option", "p", "pre", "search", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
    }.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Elements whose content nobody sees, and in which only their own end tag is markup.</summary>
    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> Unseen =
        new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "script", "style", "title", "iframe", "noembed", "noframes" }.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>The text.</summary>
    public static string Of(string html)
    {
        // Nothing becomes longer than it was: a reference is at least as long as its character.
        var room = ArrayPool<char>.Shared.Rent(html.Length);
        var output = new Folded(room);
        var rest = html.AsSpan();
        while (!rest.IsEmpty)
        {
            var plain = rest.IndexOfAny(Special);
            output.Add(plain < 0 ? rest : rest[..plain]);
            if (plain < 0)
            {
                break;
            }
            rest = rest[plain..];
            rest = rest[(rest[0] == '&' ? Reference(rest, ref output) : Markup(rest, ref output))..];
        }
        var text = output.Text.SequenceEqual(html) ? html : output.Text.ToString();
        ArrayPool<char>.Shared.Return(room);
        return text;
    }

    /// <summary>Steps over what a <c>&lt;</c> begins; returns how long it is.</summary>
    private static int Markup(ReadOnlySpan<char> html, ref Folded output)
    {
        var next = html.Length > 1 ? html[1] : '\0';
        if (char.IsAsciiLetter(next))
        {
            return Tag(html, 1, ref output);
        }
        if (next == '/' && html.Length > 2)
        {
            return char.IsAsciiLetter(html[2]) ? Tag(html, 2, ref output) : Through(html, ">");
        }
        if (next is '!' or '?')
        {
            return html.StartsWith("<!--") ? Comment(html) : Through(html, ">");
        }
        output.Add(html[..1]);
        return 1;
    }

    private static int Tag(ReadOnlySpan<char> html, int nameAt, ref Folded output)
    {
        var length = html[nameAt..].IndexOfAny(" \t\n\f\r/>");
        var name = html[nameAt..(length < 0 ? html.Length : nameAt + length)];
        if (Blocks.Contains(name))
        {
            output.Space();
        }
        var end = nameAt + name.Length;
        end += Attributes(html[end..]);
        return nameAt == 1 && Unseen.Contains(name) ? end + Content(html[end..], name) : end;
    }

    /// <summary>To behind the <c>&gt;</c> that ends a tag: one in the quotes of a value doesn't. Without one, all that follows is the tag.</summary>
    private static int Attributes(ReadOnlySpan<char> html)
    {
        var afterEquals = false;
        for (var at = 0; at < html.Length; at++)
        {
            switch (html[at])
            {
                case '>':
                    return at + 1;
                case '"' or '\'' when afterEquals:
                    var close = html[(at + 1)..].IndexOf(html[at]);
                    if (close < 0)
                    {
                        return html.Length;
                    }
                    at += close + 1;
                    afterEquals = false;
                    break;
                case '=':
                    afterEquals = true;
                    break;
                case ' ' or '\t' or '\n' or '\f' or '\r':
                    break;
                default:
                    afterEquals = false;
                    break;
            }
        }
        return html.Length;
    }

    /// <summary>To before the end tag of an element that holds no markup.</summary>
    private static int Content(ReadOnlySpan<char> html, ReadOnlySpan<char> name)
    {
        for (var at = 0; ;)
        {
            var close = html[at..].IndexOf("</");
            if (close < 0)
            {
                return html.Length;
            }
            at += close;
            var behind = html[(at + 2)..];
            if (behind.StartsWith(name, StringComparison.OrdinalIgnoreCase) && behind.Length > name.Length && behind[name.Length] is ' ' or '\t' or '\n' or '\f' or '\r' or '/' or '>')
            {
                return at;
            }
            at += 2;
        }
    }

    private static int Comment(ReadOnlySpan<char> html)
    {
        if (html[4..].StartsWith(">"))
        {
            return 5;
        }
        if (html[4..].StartsWith("->"))
        {
            return 6;
        }
        for (var at = 4; ;)
        {
            var dashes = html[at..].IndexOf("--");
            if (dashes < 0)
            {
                return html.Length;
            }
            at += dashes + 2;
            if (html[at..].StartsWith(">"))
            {
                return at + 1;
            }
            if (html[at..].StartsWith("!>"))
            {
                return at + 2;
            }
            at--; // Of three dashes the last two may end it.
        }
    }

    private static int Through(ReadOnlySpan<char> html, ReadOnlySpan<char> end) => html.IndexOf(end) is >= 0 and var at ? at + end.Length : html.Length;

    /// <summary>Adds what a character reference stands for; returns how long it is. What stands for nothing is itself.</summary>
    private static int Reference(ReadOnlySpan<char> html, ref Folded output)
    {
        const int LongestName = 10;
        if (html.Length > 2 && html[1] == '#')
        {
            return Numeric(html, ref output);
        }
        var length = 1;
        while (length < html.Length && length <= LongestName && char.IsAsciiLetterOrDigit(html[length]))
        {
            length++;
        }
        var ended = length < html.Length && html[length] == ';';
        var usual = html[1..length] switch { "amp" => '&', "lt" => '<', "gt" => '>', "quot" => '"', "nbsp" => ' ', "copy" => '©', "reg" => '®', _ => '\0' };
        if (usual != '\0')
        {
            output.Add(new ReadOnlySpan<char>(in usual));
            return ended ? length + 1 : length; // These were written without ';' for so long that browsers read them.
        }
        if (ended)
        {
            var written = html[..(length + 1)].ToString();
            var decoded = WebUtility.HtmlDecode(written);
            if (decoded.Length < written.Length)
            {
                output.Add(decoded);
                return length + 1;
            }
        }
        output.Add(html[..1]);
        return 1;
    }

    private static int Numeric(ReadOnlySpan<char> html, ref Folded output)
    {
        var hex = html[2] is 'x' or 'X';
        var from = hex ? 3 : 2;
        var (at, code) = (from, 0);
        for (; at < html.Length && (hex ? char.IsAsciiHexDigit(html[at]) : char.IsAsciiDigit(html[at])); at++)
        {
            // Past the last character it stays there, however many digits follow.
            code = Math.Min(0x110000, (code * (hex ? 16 : 10)) + Convert.ToInt32(html[at].ToString(), 16));
        }
        if (at == from)
        {
            output.Add(html[..1]);
            return 1;
        }
        Span<char> units = stackalloc char[2];
        output.Add(units[..Character(code).EncodeToUtf16(units)]);
        return at < html.Length && html[at] == ';' ? at + 1 : at;
    }

    /// <summary>WHATWG HTML §13.2.5.80: what is no character is U+FFFD, and what pages of old mean by 128 to 159 is Windows' character.</summary>
    private static Rune Character(int code)
    {
        const string Windows = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";
        if (code is >= 0x80 and < 0xa0)
        {
            return new Rune(Windows[code - 0x80]);
        }
        return code != 0 && Rune.TryCreate(code, out var rune) ? rune : Rune.ReplacementChar;
    }

    /// <summary>Text in which white space of any length is one space, and none stands at either end.</summary>
    private ref struct Folded(Span<char> room)
    {
        private readonly Span<char> room = room;
        private int length;
        private bool pending;

        public readonly ReadOnlySpan<char> Text => room[..length];

        public void Space() => pending = length > 0;

        public void Add(scoped ReadOnlySpan<char> text)
        {
            foreach (var c in text)
            {
                if (char.IsWhiteSpace(c) || char.IsControl(c))
                {
                    Space();
                    continue;
                }
                if (pending)
                {
                    room[length++] = ' ';
                    pending = false;
                }
                room[length++] = c;
            }
        }
    }
}
