using System.Buffers;
using System.Text.Unicode;

namespace Postern.Transforms.Json;

/// <summary>Goes once over a text, checks it and lists its values. What is open is kept in a stack of fixed size, so nothing an upstream sends can make it deep.</summary>
internal ref struct JsonScanner
{
    private static readonly SearchValues<byte> EndsPlainText = SearchValues.Create([(byte)'"', (byte)'\\', .. Enumerable.Range(0, 0x20).Select(b => (byte)b)]);

    private readonly ReadOnlySpan<byte> text;
    private JsonToken[] tokens;
    private int count;
    private int at;

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
        Span<int> open = stackalloc int[JsonText.MaxDepth];
        Span<int> entries = stackalloc int[JsonText.MaxDepth];
        var depth = 0;
        while (true)
        {
            // 1. A value, and in an object its name before it.
            if (depth > 0 && tokens[open[depth - 1]].Kind == JsonKind.Object && Name() is { } noName)
            {
                return noName;
            }
            Skip();
            var start = at;
            if (at >= text.Length)
            {
                return Wrong("ends before its value does");
            }
            if (text[at] is (byte)'{' or (byte)'[')
            {
                if (depth == JsonText.MaxDepth)
                {
                    return Wrong($"nested deeper than {JsonText.MaxDepth} levels");
                }
                var kind = text[at] == '{' ? JsonKind.Object : JsonKind.Array;
                (open[depth], entries[depth]) = (count, 0);
                Add(new JsonToken(start, 0, 0, kind, false, 0));
                depth++;
                at++;
                Skip();
                if (at >= text.Length || text[at] != (kind == JsonKind.Object ? '}' : ']'))
                {
                    continue;
                }
            }
            else if (Scalar() is { } wrong)
            {
                return wrong;
            }
            else if (depth > 0)
            {
                entries[depth - 1]++;
            }
            // 2. What ends behind it, as far as anything does; then a comma, or the end of all.
            while (depth > 0)
            {
                Skip();
                var container = tokens[open[depth - 1]].Kind;
                if (at < text.Length && text[at] == ',' && entries[depth - 1] > 0)
                {
                    at++;
                    break;
                }
                if (at >= text.Length || text[at] != (container == JsonKind.Object ? '}' : ']'))
                {
                    return Wrong(at >= text.Length ? "ends before its value does" : container == JsonKind.Object ? "',' or '}' expected" : "',' or ']' expected");
                }
                at++;
                depth--;
                tokens[open[depth]] = new JsonToken(tokens[open[depth]].Start, at, count, container, false, entries[depth]);
                if (container == JsonKind.Object && JsonNames.HasTwice(text, tokens, open[depth]))
                {
                    return $"a name twice in the object that ends at byte {at}";
                }
                if (depth > 0)
                {
                    entries[depth - 1]++;
                }
            }
            if (depth == 0)
            {
                Skip();
                return at == text.Length ? null : Wrong("something follows the value");
            }
        }
    }

    /// <summary>Whether a text is a number of JSON and nothing else.</summary>
    public static bool IsNumber(ReadOnlySpan<byte> text)
    {
        var scanner = new JsonScanner(text, []);
        return scanner.Number(out _) is null && scanner.at == text.Length;
    }

    private string? Name()
    {
        Skip();
        if (at >= text.Length || text[at] != '"')
        {
            return Wrong(at >= text.Length ? "ends before its value does" : "a name expected");
        }
        var start = at;
        if (Text(out var escaped) is { } wrong)
        {
            return wrong;
        }
        Add(new JsonToken(start, at, JsonNames.Fingerprint(text[(start + 1)..(at - 1)], escaped), JsonKind.String, escaped, 0));
        Skip();
        if (at >= text.Length || text[at] != ':')
        {
            return Wrong("':' expected");
        }
        at++;
        return null;
    }

    private string? Scalar()
    {
        var start = at;
        switch (text[at])
        {
            case (byte)'"':
                if (Text(out var escaped) is { } wrong)
                {
                    return wrong;
                }
                Add(new JsonToken(start, at, count + 1, JsonKind.String, escaped, 0));
                return null;
            case (byte)'t':
                return Word("true"u8, JsonKind.True);
            case (byte)'f':
                return Word("false"u8, JsonKind.False);
            case (byte)'n':
                return Word("null"u8, JsonKind.Null);
            case (byte)'-' or (>= (byte)'0' and <= (byte)'9'):
                if (Number(out var token) is { } noNumber)
                {
                    return noNumber;
                }
                Add(token);
                return null;
            default:
                return Wrong(at == 0 && text.StartsWith("\uFEFF"u8) ? "a byte order mark, which JSON doesn't begin with," : "a value expected");
        }
    }

    private string? Word(ReadOnlySpan<byte> word, JsonKind kind)
    {
        if (!text[at..].StartsWith(word))
        {
            return Wrong("a value expected");
        }
        Add(new JsonToken(at, at + word.Length, count + 1, kind, false, 0));
        at += word.Length;
        return null;
    }

    private string? Number(out JsonToken token)
    {
        var start = at;
        at += text[at] == '-' ? 1 : 0;
        var first = at;
        var whole = Digits();
        var good = whole > 0 && (whole == 1 || text[first] != '0');
        if (good && at < text.Length && text[at] == '.')
        {
            at++;
            good = Digits() > 0;
        }
        if (good && at < text.Length && (text[at] | 0x20) == 'e')
        {
            at++;
            at += at < text.Length && text[at] is (byte)'+' or (byte)'-' ? 1 : 0;
            good = Digits() > 0;
        }
        token = new JsonToken(start, at, count + 1, JsonKind.Number, false, 0);
        return good ? null : Wrong("not a number");
    }

    private int Digits()
    {
        var from = at;
        while (at < text.Length && text[at] is >= (byte)'0' and <= (byte)'9')
        {
            at++;
        }
        return at - from;
    }

    /// <summary>A text in quotes; <see cref="at"/> is then behind it.</summary>
    private string? Text(out bool escaped)
    {
        escaped = false;
        at++;
        while (true)
        {
            var plain = text[at..].IndexOfAny(EndsPlainText);
            if (plain < 0)
            {
                at = text.Length;
                return Wrong("ends within a text");
            }
            at += plain;
            if (text[at] == '"')
            {
                at++;
                return null;
            }
            if (text[at] != '\\')
            {
                return Wrong("a control character in a text");
            }
            escaped = true;
            if (!Escape())
            {
                return Wrong("not an escape");
            }
        }
    }

    private bool Escape()
    {
        if (at + 1 >= text.Length)
        {
            return false;
        }
        switch (text[at + 1])
        {
            case (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t':
                at += 2;
                return true;
            case (byte)'u' when at + 6 <= text.Length && AreHex(text.Slice(at + 2, 4)):
                at += 6;
                return true;
            default:
                return false;
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

    private void Skip()
    {
        while (at < text.Length && text[at] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
        {
            at++;
        }
    }

    private void Add(JsonToken token)
    {
        if (count == tokens.Length)
        {
            var larger = ArrayPool<JsonToken>.Shared.Rent(count * 2);
            tokens.AsSpan(0, count).CopyTo(larger);
            ArrayPool<JsonToken>.Shared.Return(tokens);
            tokens = larger;
        }
        tokens[count++] = token;
    }

    private readonly string Wrong(string what) => $"{what} at byte {at}";
}
