using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Postern.Transforms.Json;

namespace Postern.Transforms.Protobuf;

/// <summary>Values that are no message: numbers, texts, bytes, names of enums.</summary>
internal sealed class ScalarDecoder(JsonOutput output)
{
    private static readonly SearchValues<byte> NeedsEscape = SearchValues.Create([(byte)'"', (byte)'\\', .. Enumerable.Range(0, 0x20).Select(b => (byte)b)]);

    /// <summary>Writes a value; false where it is none: a text that isn't UTF-8.</summary>
    public bool Write(FieldType field, ulong bits, ReadOnlySpan<byte> bytes)
    {
        switch (field.Kind)
        {
            case FieldKind.Bool:
                output.Write(bits != 0 ? "true"u8 : "false"u8);
                return true;
            case FieldKind.String:
                return Text(bytes);
            case FieldKind.Bytes:
                Base64(bytes);
                return true;
            case FieldKind.Enum:
                Enum(field.Enum!, (int)bits);
                return true;
            case FieldKind.Float:
                Real(BitConverter.UInt32BitsToSingle((uint)bits));
                return true;
            case FieldKind.Double:
                Real(BitConverter.UInt64BitsToDouble(bits));
                return true;
            default:
                // What has 64 bits is a text: many would read it as a double.
                var isLong = field.Kind is FieldKind.Int64 or FieldKind.UInt64 or FieldKind.SInt64 or FieldKind.Fixed64 or FieldKind.SFixed64;
                Whole(field.Kind, bits, isLong);
                return true;
        }
    }

    /// <summary>What a map's key is called; null where it is malformed.</summary>
    public static string? Key(FieldKind kind, ulong bits, ReadOnlySpan<byte> bytes) => kind switch
    {
        FieldKind.String => Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : null,
        FieldKind.Bool => bits != 0 ? "true" : "false",
        FieldKind.UInt64 or FieldKind.Fixed64 or FieldKind.UInt32 or FieldKind.Fixed32 => Unsigned(kind, bits).ToString(CultureInfo.InvariantCulture),
        _ => Signed(kind, bits).ToString(CultureInfo.InvariantCulture),
    };

    private static long Signed(FieldKind kind, ulong bits) => kind switch
    {
        FieldKind.Int32 or FieldKind.SFixed32 => (int)bits,
        FieldKind.SInt32 => (int)WireReader.ZigZag((uint)bits),
        FieldKind.SInt64 => WireReader.ZigZag(bits),
        _ => (long)bits,
    };

    private static ulong Unsigned(FieldKind kind, ulong bits) => kind is FieldKind.UInt32 or FieldKind.Fixed32 ? (uint)bits : bits;

    private void Whole(FieldKind kind, ulong bits, bool quoted)
    {
        var room = output.Reserve(32);
        var count = 0;
        if (quoted)
        {
            room[count++] = (byte)'"';
        }
        int digits;
        _ = kind is FieldKind.UInt64 or FieldKind.Fixed64 or FieldKind.UInt32 or FieldKind.Fixed32
            ? Unsigned(kind, bits).TryFormat(room[count..], out digits, default, CultureInfo.InvariantCulture)
            : Signed(kind, bits).TryFormat(room[count..], out digits, default, CultureInfo.InvariantCulture);
        count += digits;
        if (quoted)
        {
            room[count++] = (byte)'"';
        }
        output.Advance(count);
    }

    /// <summary>As short as it can be read back.</summary>
    private void Real<T>(T number) where T : System.Numerics.IFloatingPointIeee754<T>
    {
        if (!T.IsFinite(number))
        {
            output.Write(T.IsNaN(number) ? "\"NaN\""u8 : T.IsNegative(number) ? "\"-Infinity\""u8 : "\"Infinity\""u8);
            return;
        }
        _ = number.TryFormat(output.Reserve(64), out var count, default, CultureInfo.InvariantCulture);
        output.Advance(count);
    }

    private void Enum(EnumType type, int number)
    {
        if (type.IsNull)
        {
            output.Write("null"u8);
        }
        else if (type.Find(number) is { } name)
        {
            output.Write(name);
        }
        else
        {
            Whole(FieldKind.Int32, (ulong)(long)number, quoted: false);
        }
    }

    private bool Text(ReadOnlySpan<byte> text)
    {
        if (!Utf8.IsValid(text))
        {
            return false;
        }
        if (text.ContainsAny(NeedsEscape))
        {
            JsonStrings.Write(output, Encoding.UTF8.GetString(text));
            return true;
        }
        output.Write((byte)'"');
        output.Write(text);
        output.Write((byte)'"');
        return true;
    }

    private void Base64(ReadOnlySpan<byte> bytes)
    {
        output.Write((byte)'"');
        _ = System.Buffers.Text.Base64.EncodeToUtf8(bytes, output.Reserve(System.Buffers.Text.Base64.GetMaxEncodedToUtf8Length(bytes.Length)), out _, out var count);
        output.Advance(count);
        output.Write((byte)'"');
    }
}
