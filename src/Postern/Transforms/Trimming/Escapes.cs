using System.Buffers.Text;
using System.Text;

namespace Postern.Transforms.Trimming;

/// <summary>What a name of JSON with escapes means.</summary>
internal static class Escapes
{
    /// <summary>Writes a name, whose escapes are whole, as UTF-8; false where it has half of a character, as no name that is looked for has.</summary>
    public static bool Decode(ReadOnlySpan<byte> escaped, Span<byte> name, out int length)
    {
        length = 0;
        for (var at = 0; at < escaped.Length;)
        {
            var b = escaped[at++];
            if (b != '\\')
            {
                name[length++] = b;
                continue;
            }
            b = escaped[at++];
            if (b != 'u')
            {
                name[length++] = b switch { (byte)'b' => 8, (byte)'f' => 12, (byte)'n' => 10, (byte)'r' => 13, (byte)'t' => 9, _ => b };
                continue;
            }
            var first = Unit(escaped, ref at);
            Rune rune;
            if (char.IsHighSurrogate(first))
            {
                if (escaped.Length - at < 6 || escaped[at] != '\\' || escaped[at + 1] != 'u')
                {
                    return false;
                }
                at += 2;
                if (!Rune.TryCreate(first, Unit(escaped, ref at), out rune))
                {
                    return false;
                }
            }
            else if (!Rune.TryCreate(first, out rune))
            {
                return false;
            }
            length += rune.EncodeToUtf8(name[length..]);
        }
        return true;
    }

    private static char Unit(ReadOnlySpan<byte> escaped, ref int at)
    {
        Utf8Parser.TryParse(escaped.Slice(at, 4), out uint unit, out _, 'x');
        at += 4;
        return (char)unit;
    }
}
