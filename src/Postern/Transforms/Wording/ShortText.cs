using System.Buffers;
using System.Globalization;
using System.Text;
using Postern.Transforms.Json;

namespace Postern.Transforms.Wording;

/// <summary>Amounts, codes and timestamps are short: they are read where they stand, without a string of their own.</summary>
internal static class ShortText
{
    /// <summary>What a text says, or how a number is written; false where that is longer than the room or has more than ASCII.</summary>
    public static bool TryCopy(in JsonValue value, Span<char> room, out int length)
    {
        length = 0;
        if (value.TryRaw(out var raw) && !raw.Contains((byte)'\\'))
        {
            raw = value.Kind == JsonKind.String ? raw[1..^1] : raw;
            return Ascii.ToUtf16(raw, room, out length) == OperationStatus.Done;
        }
        if (value.AsString() is { } text)
        {
            length = text.Length;
            return text.TryCopyTo(room);
        }
        return value.TryDecimal(out var exact)
            ? exact.TryFormat(room, out length, default, CultureInfo.InvariantCulture)
            : value.AsDouble().TryFormat(room, out length, "R", CultureInfo.InvariantCulture);
    }
}
