using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Text.Unicode;

namespace Postern.Transforms.Json;

/// <summary>
/// Goes once over a text, checks it and lists its values. What stands open is a chain through that list, so nothing an upstream sends
/// can make it deep. Each step takes the place it begins at and gives the one behind it, <see cref="Nowhere"/> where something is wrong:
/// most names and values are short, and a place kept in a field would be waited for at each byte.
/// </summary>
internal ref struct JsonScanner
{
    private const int Nowhere = -1;
    private const string EndsEarly = "ends before its value does";

    private static readonly string TooDeep = $"nested deeper than {JsonText.MaxDepth} levels";

    private readonly ReadOnlySpan<byte> text;
    private JsonToken[] tokens;
    private int count;
    private string? problem;

    // The innermost that stands open: its token, how many entries it has had, whether they have names; and how many stand open.
    private int open = -1, entries, depth;
    private bool named;

    public JsonScanner(ReadOnlySpan<byte> text)
    {
        this.text = text;
        // Most texts have a value or a name in 16 bytes or more.
        tokens = ArrayPool<JsonToken>.Shared.Rent(Math.Max(16, text.Length / 16));
    }

    private JsonScanner(ReadOnlySpan<byte> text, JsonToken[] tokens)
    {
        this.text = text;
        this.tokens = tokens;
    }

    public readonly JsonToken[] Tokens => tokens;

    public readonly void Return() => ArrayPool<JsonToken>.Shared.Return(tokens);

    /// <summary>Null, or what is wrong.</summary>
    public string? Scan()
    {
        if (!Utf8.IsValid(text))
        {
            return "invalid UTF-8";
        }
        for (var at = Value(0); at >= 0;)
        {
            // What ends behind a value, as far as anything does; then the next one, or the end of all.
            at = Skip(at);
            if (open < 0)
            {
                if (at < text.Length)
                {
                    Wrong(at, "something follows the value");
                }
                return problem;
            }
            at = Is(at, (byte)',') && entries > 0 ? Value(at + 1) : End(at);
        }
        return problem;
    }

    /// <summary>Whether a text is a number of JSON and nothing else.</summary>
    public static bool IsNumber(ReadOnlySpan<byte> text)
    {
        var scanner = new JsonScanner(text, []);
        return scanner.Number(0) == text.Length;
    }

    /// <summary>A value, and in an object its name before it. Of one that has entries, the first as well: to behind the first plain or empty one.</summary>
    private int Value(int at)
    {
        while (true)
        {
            if (named && (at = Name(at)) < 0)
            {
                return at;
            }
            at = Skip(at);
            if (at >= text.Length)
            {
                return Wrong(at, EndsEarly);
            }
            if (text[at] is not ((byte)'{' or (byte)'['))
            {
                entries++;
                return Plain(at);
            }
            at = Begin(at);
            if (at < 0 || Is(Skip(at), Closing))
            {
                return at;
            }
        }
    }

    /// <summary>The bracket of an object or a list. While it is open, its end is the number of the one around it, which notes its entries so far.</summary>
    private int Begin(int at)
    {
        if (depth == JsonText.MaxDepth)
        {
            return Wrong(at, TooDeep);
        }
        if (open >= 0)
        {
            ref var around = ref tokens[open];
            around.Set(around.Start, around.End, 0, around.Kind, count: entries);
        }
        named = text[at] == '{';
        Add().Set(at, open, 0, named ? JsonKind.Object : JsonKind.Array);
        (open, entries, depth) = (count - 1, 0, depth + 1);
        return at + 1;
    }

    /// <summary>The bracket behind its last entry.</summary>
    private int End(int at)
    {
        if (!Is(at, Closing))
        {
            return Wrong(at, at >= text.Length ? EndsEarly : named ? "',' or '}' expected" : "',' or ']' expected");
        }
        at++;
        ref var token = ref tokens[open];
        var (outer, kind) = (token.End, token.Kind);
        token.Set(token.Start, at, count, kind, count: entries);
        if (named && JsonNames.HasTwice(text, tokens, open))
        {
            return Wrong(at, "a name twice in the object that ends");
        }
        (open, depth) = (outer, depth - 1);
        if (open >= 0)
        {
            (entries, named) = (tokens[open].Count + 1, tokens[open].Kind == JsonKind.Object);
        }
        return at;
    }

    private readonly byte Closing => named ? (byte)'}' : (byte)']';

    private int Name(int at)
    {
        at = Skip(at);
        if (!Is(at, (byte)'"'))
        {
            return Wrong(at, at >= text.Length ? EndsEarly : "a name expected");
        }
        var end = Text(at, out var escaped);
        if (end < 0)
        {
            return end;
        }
        Add().Set(at, end, JsonNames.Fingerprint(text[(at + 1)..(end - 1)], escaped), JsonKind.String, escaped);
        end = Skip(end);
        return Is(end, (byte)':') ? end + 1 : Wrong(end, "':' expected");
    }

    /// <summary>A value that holds no others.</summary>
    private int Plain(int at)
    {
        var (end, kind, escaped) = (Nowhere, JsonKind.Number, false);
        switch (text[at])
        {
            case (byte)'"':
                (end, kind) = (Text(at, out escaped), JsonKind.String);
                break;
            case (byte)'t':
                (end, kind) = (Word(at, "true"u8), JsonKind.True);
                break;
            case (byte)'f':
                (end, kind) = (Word(at, "false"u8), JsonKind.False);
                break;
            case (byte)'n':
                (end, kind) = (Word(at, "null"u8), JsonKind.Null);
                break;
            case (byte)'-' or (>= (byte)'0' and <= (byte)'9'):
                end = Number(at);
                break;
            default:
                return Wrong(at, at == 0 && text.StartsWith("\uFEFF"u8) ? "a byte order mark, which JSON doesn't begin with," : "a value expected");
        }
        if (end >= 0)
        {
            ref var token = ref Add();
            token.Set(at, end, count, kind, escaped);
        }
        return end;
    }

    private int Word(int at, ReadOnlySpan<byte> word) => text[at..].StartsWith(word) ? at + word.Length : Wrong(at, "a value expected");

    private int Number(int at)
    {
        var first = Is(at, (byte)'-') ? at + 1 : at;
        at = Digits(first);
        var good = at > first && (at == first + 1 || text[first] != '0');
        if (good && Is(at, (byte)'.'))
        {
            (first, at) = (at + 1, Digits(at + 1));
            good = at > first;
        }
        if (good && at < text.Length && (text[at] | 0x20) == 'e')
        {
            at++;
            first = Is(at, (byte)'+') || Is(at, (byte)'-') ? at + 1 : at;
            at = Digits(first);
            good = at > first;
        }
        return good ? at : Wrong(at, "not a number");
    }

    private readonly int Digits(int at)
    {
        while (at < text.Length && text[at] is >= (byte)'0' and <= (byte)'9')
        {
            at++;
        }
        return at;
    }

    /// <summary>A text, from its first quote to behind its last.</summary>
    private int Text(int at, out bool escaped)
    {
        escaped = false;
        for (at++; ;)
        {
            at = Telling(at);
            if (at == text.Length)
            {
                return Wrong(at, "ends within a text");
            }
            if (text[at] == '"')
            {
                return at + 1;
            }
            if (text[at] != '\\')
            {
                return Wrong(at, "a control character in a text");
            }
            var length = Escape(text[at..]);
            if (length == 0)
            {
                return Wrong(at, "not an escape");
            }
            (at, escaped) = (at + length, true);
        }
    }

    /// <summary>The next byte that a text doesn't just hold: a quote, a backslash, a control character.</summary>
    private readonly int Telling(int at)
    {
        for (; text.Length - at >= Vector128<byte>.Count; at += Vector128<byte>.Count)
        {
            var bytes = Vector128.Create(text.Slice(at, Vector128<byte>.Count));
            var telling = Vector128.Equals(bytes, Vector128.Create((byte)'"')) | Vector128.Equals(bytes, Vector128.Create((byte)'\\'))
                | Vector128.Equals(bytes, Vector128.Min(bytes, Vector128.Create((byte)0x1f)));
            if (telling != Vector128<byte>.Zero)
            {
                return at + BitOperations.TrailingZeroCount(telling.ExtractMostSignificantBits());
            }
        }
        while (at < text.Length && text[at] is >= 0x20 and not ((byte)'"' or (byte)'\\'))
        {
            at++;
        }
        return at;
    }

    /// <summary>How long the escape is that a text begins with; 0 where it is none.</summary>
    private static int Escape(ReadOnlySpan<byte> text)
    {
        if (text.Length < 2)
        {
            return 0;
        }
        switch (text[1])
        {
            case (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t':
                return 2;
            case (byte)'u' when text.Length >= 6 && AreHex(text.Slice(2, 4)):
                return 6;
            default:
                return 0;
        }
    }

    private static bool AreHex(ReadOnlySpan<byte> digits)
    {
        foreach (var digit in digits)
        {
            if (!char.IsAsciiHexDigit((char)digit))
            {
                return false;
            }
        }
        return true;
    }

    private readonly bool Is(int at, byte wanted) => at < text.Length && text[at] == wanted;

    /// <summary>Behind white space. Most often there is none.</summary>
    private readonly int Skip(int at) => at < text.Length && text[at] <= ' ' ? SkipSpace(at) : at;

    private readonly int SkipSpace(int at)
    {
        while (at < text.Length && text[at] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
        {
            at++;
        }
        return at;
    }

    /// <summary>The place of the next value in the list.</summary>
    private ref JsonToken Add()
    {
        if (count == tokens.Length)
        {
            Grow();
        }
        return ref tokens[count++];
    }

    private void Grow()
    {
        var larger = ArrayPool<JsonToken>.Shared.Rent(count * 2);
        tokens.AsSpan(0, count).CopyTo(larger);
        ArrayPool<JsonToken>.Shared.Return(tokens);
        tokens = larger;
    }

    /// <summary>Not inlined: the text that it puts together would cost its callers room on the stack each time.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Wrong(int at, string what)
    {
        problem = $"{what} at byte {at}";
        return Nowhere;
    }
}
