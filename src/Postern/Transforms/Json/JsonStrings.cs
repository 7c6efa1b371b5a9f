using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Postern.Transforms.Json;

/// <summary>Texts of JSON: what their escapes mean, and how a text is written.</summary>
internal static class JsonStrings
{
    /// <summary>Characters that are written at once.</summary>
    private const int Chunk = 1024;

    private static readonly SearchValues<char> NeedsEscape = SearchValues.Create(['"', '\\', .. Enumerable.Range(0, 0x20).Select(c => (char)c)]);

    /// <summary>What a text with escapes, without its quotes, says. Half of a surrogate pair alone becomes U+FFFD: it is no character.</summary>
    public static byte[] Utf8(ReadOnlySpan<byte> raw) => Encoding.UTF8.GetBytes(Decode(raw));

    /// <summary>The same as a string.</summary>
    public static string Decode(ReadOnlySpan<byte> raw)
    {
        var text = new StringBuilder(raw.Length);
        while (raw.IndexOf((byte)'\\') is >= 0 and var at)
        {
            text.Append(Encoding.UTF8.GetString(raw[..at]));
            var escape = raw[at + 1];
            if (escape == 'u')
            {
                _ = Utf8Parser.TryParse(raw.Slice(at + 2, 4), out ushort unit, out _, 'x');
                text.Append((char)unit);
                raw = raw[(at + 6)..];
                continue;
            }
            text.Append(escape switch { (byte)'b' => '\b', (byte)'f' => '\f', (byte)'n' => '\n', (byte)'r' => '\r', (byte)'t' => '\t', _ => (char)escape });
            raw = raw[(at + 2)..];
        }
        return text.Append(Encoding.UTF8.GetString(raw)).ToString();
    }

    /// <summary>Writes a text with quotes around it; only what must be escaped is.</summary>
    public static void Write(JsonOutput output, ReadOnlySpan<char> text)
    {
        output.Write((byte)'"');
        while (text.IndexOfAny(NeedsEscape) is >= 0 and var at)
        {
            WritePlain(output, text[..at]);
            WriteEscape(output, text[at]);
            text = text[(at + 1)..];
        }
        WritePlain(output, text);
        output.Write((byte)'"');
    }

    private static void WritePlain(JsonOutput output, ReadOnlySpan<char> text)
    {
        // Room for the worst case is three times the text: not of a long one at once.
        while (text.Length > Chunk && !output.IsFull)
        {
            var length = char.IsHighSurrogate(text[Chunk - 1]) ? Chunk - 1 : Chunk;
            WritePlain(output, text[..length]);
            text = text[length..];
        }
        var room = output.Reserve(Encoding.UTF8.GetMaxByteCount(text.Length));
        output.Advance(Encoding.UTF8.GetBytes(text, room));
    }

    private static void WriteEscape(JsonOutput output, char c)
    {
        var escape = c switch { '"' => '"', '\\' => '\\', '\b' => 'b', '\f' => 'f', '\n' => 'n', '\r' => 'r', '\t' => 't', _ => 'u' };
        output.Write((byte)'\\');
        output.Write((byte)escape);
        if (escape == 'u')
        {
            output.Write(Encoding.ASCII.GetBytes(((int)c).ToString("x4", CultureInfo.InvariantCulture)));
        }
    }
}
