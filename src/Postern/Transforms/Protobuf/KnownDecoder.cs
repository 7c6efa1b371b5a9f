using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Postern.Transforms.Json;

namespace Postern.Transforms.Protobuf;

/// <summary>The well-known types that are a text in JSON: times, durations, masks of fields.</summary>
internal sealed class KnownDecoder(JsonOutput output)
{
    /// <summary>Writes a <c>Timestamp</c> or a <c>Duration</c>; false where it is out of range.</summary>
    public bool Time(WellKnown type, ReadOnlySpan<byte> message)
    {
        var (seconds, nanos) = (0L, 0);
        var reader = new WireReader(message);
        while (!reader.AtEnd)
        {
            // That it is whole was seen before.
            _ = reader.Tag(out var number, out var wire) & reader.Value(number, wire, out var bits, out _);
            (seconds, nanos) = (number, wire) switch
            {
                (1, WireType.Varint) => ((long)bits, nanos),
                (2, WireType.Varint) => (seconds, (int)bits),
                _ => (seconds, nanos),
            };
        }
        return type == WellKnown.Timestamp ? Timestamp(seconds, nanos) : Duration(seconds, nanos);
    }

    /// <summary>Writes a <c>FieldMask</c>; false where a path of it would not come back as it was.</summary>
    public bool Mask(ReadOnlySpan<byte> message)
    {
        var (text, comma) = (new StringBuilder(), "");
        var reader = new WireReader(message);
        while (!reader.AtEnd)
        {
            _ = reader.Tag(out var number, out var wire) & reader.Value(number, wire, out _, out var path);
            if ((number, wire) != (1, WireType.Bytes))
            {
                continue;
            }
            text.Append(comma);
            comma = ",";
            for (var i = 0; i < path.Length; i++)
            {
                var letter = path[i] == '_' && i + 1 < path.Length ? path[++i] : (byte)0;
                if (letter != 0 ? !char.IsAsciiLetterLower((char)letter) : path[i] is (byte)'_' or (byte)',' or > 127 || char.IsAsciiLetterUpper((char)path[i]))
                {
                    return false;
                }
                text.Append(letter != 0 ? char.ToUpperInvariant((char)letter) : (char)path[i]);
            }
        }
        JsonStrings.Write(output, text.ToString());
        return true;
    }

    private bool Timestamp(long seconds, int nanos)
    {
        if (seconds is < KnownEncoder.FirstSecond or > KnownEncoder.LastSecond || nanos is < 0 or > 999_999_999)
        {
            return false;
        }
        var room = output.Reserve(40);
        _ = Utf8.TryWrite(room, CultureInfo.InvariantCulture, $"\"{DateTime.UnixEpoch.AddSeconds(seconds):yyyy-MM-dd'T'HH:mm:ss}", out var count);
        count += Fraction(room[count..], nanos);
        "Z\""u8.CopyTo(room[count..]);
        output.Advance(count + 2);
        return true;
    }

    private bool Duration(long seconds, int nanos)
    {
        if (seconds is < -KnownEncoder.LongestDuration or > KnownEncoder.LongestDuration || nanos is < -999_999_999 or > 999_999_999
            || (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0))
        {
            return false;
        }
        var room = output.Reserve(40);
        _ = Utf8.TryWrite(room, CultureInfo.InvariantCulture, $"\"{(seconds < 0 || nanos < 0 ? "-" : "")}{Math.Abs(seconds)}", out var count);
        count += Fraction(room[count..], Math.Abs(nanos));
        "s\""u8.CopyTo(room[count..]);
        output.Advance(count + 2);
        return true;
    }

    /// <summary>None, three, six or nine decimals.</summary>
    private static int Fraction(Span<byte> room, int nanos)
    {
        var count = 0;
        _ = nanos == 0 || (nanos % 1_000_000 == 0 ? Utf8.TryWrite(room, CultureInfo.InvariantCulture, $".{nanos / 1_000_000:000}", out count)
            : nanos % 1_000 == 0 ? Utf8.TryWrite(room, CultureInfo.InvariantCulture, $".{nanos / 1_000:000000}", out count)
            : Utf8.TryWrite(room, CultureInfo.InvariantCulture, $".{nanos:000000000}", out count));
        return count;
    }
}
