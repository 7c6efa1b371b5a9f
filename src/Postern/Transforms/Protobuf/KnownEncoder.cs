using System.Buffers;
using System.Globalization;
using Postern.Transforms.Json;

namespace Postern.Transforms.Protobuf;

/// <summary>The well-known types that are a text in JSON: times, durations, masks of fields. And bytes.</summary>
internal sealed class KnownEncoder(WireWriter output)
{
    public const long FirstSecond = -62_135_596_800, LastSecond = 253_402_300_799, LongestDuration = 315_576_000_000;

    public bool Write(WellKnown type, in JsonValue value) => value.AsString() is { } text && type switch
    {
        WellKnown.Timestamp => Timestamp(text),
        WellKnown.Duration => Duration(text),
        _ => Mask(text),
    };

    public static string Wanted(WellKnown type) => type switch
    {
        WellKnown.Timestamp => "a time is needed, such as 2026-11-22T10:00:00Z",
        WellKnown.Duration => "a duration is needed, such as 1.5s",
        _ => "a text of field names is needed, with commas between them",
    };

    /// <summary>What base64 says, in either of its alphabets, padded or not; null where it is none.</summary>
    public static byte[]? Base64(string text)
    {
        var bare = text.AsSpan().TrimEnd('=');
        if (text.Length - bare.Length > 2 || bare.Length % 4 == 1 || bare.ContainsAny(' ', '\n', '\r') || bare.Contains('\t'))
        {
            return null;
        }
        var padded = ArrayPool<char>.Shared.Rent(bare.Length + 3);
        bare.CopyTo(padded);
        var count = (bare.Length + 3) & ~3;
        padded.AsSpan(bare.Length, count - bare.Length).Fill('=');
        padded.AsSpan(0, count).Replace('-', '+');
        padded.AsSpan(0, count).Replace('_', '/');
        var bytes = new byte[count / 4 * 3];
        var isOne = Convert.TryFromBase64Chars(padded.AsSpan(0, count), bytes, out var written);
        ArrayPool<char>.Shared.Return(padded);
        return isOne ? written == bytes.Length ? bytes : bytes[..written] : null;
    }

    /// <summary>RFC 3339: <c>2026-11-22T10:00:00.25+01:00</c>.</summary>
    private bool Timestamp(string text)
    {
        var nanos = 0;
        var zone = text.AsSpan().LastIndexOfAny('Z', '+', '-');
        if (text.Length is < 20 or > 35 || zone < 19 || (zone > 19 && !Fraction(text.AsSpan(19, zone - 19), out nanos))
            || !DateTime.TryParseExact(text.AsSpan(0, 19), "yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time)
            || !Offset(text.AsSpan(zone), out var minutes))
        {
            return false;
        }
        var seconds = (time.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerSecond - minutes * 60;
        if (seconds is < FirstSecond or > LastSecond)
        {
            return false;
        }
        Pair(seconds, nanos);
        return true;
    }

    private static bool Offset(ReadOnlySpan<char> text, out int minutes)
    {
        minutes = 0;
        if (text is "Z")
        {
            return true;
        }
        if (text.Length != 6 || text[3] != ':' || !int.TryParse(text[1..3], NumberStyles.None, CultureInfo.InvariantCulture, out var hours)
            || !int.TryParse(text[4..], NumberStyles.None, CultureInfo.InvariantCulture, out minutes) || hours > 23 || minutes > 59)
        {
            return false;
        }
        minutes = (text[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
        return text[0] is '+' or '-';
    }

    /// <summary>Seconds with up to nine decimals: <c>-1.5s</c>.</summary>
    private bool Duration(string text)
    {
        var rest = text.AsSpan();
        var minus = rest.StartsWith('-');
        rest = minus ? rest[1..] : rest;
        if (!rest.EndsWith('s'))
        {
            return false;
        }
        rest = rest[..^1];
        var point = rest.IndexOf('.');
        var nanos = 0;
        if (!long.TryParse(point < 0 ? rest : rest[..point], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            || seconds > LongestDuration || (point >= 0 && !Fraction(rest[point..], out nanos)))
        {
            return false;
        }
        Pair(minus ? -seconds : seconds, minus ? -nanos : nanos);
        return true;
    }

    /// <summary>A point and up to nine digits, as billionths.</summary>
    private static bool Fraction(ReadOnlySpan<char> text, out int nanos)
    {
        nanos = 0;
        if (text.Length is < 2 or > 10 || text[0] != '.' || !int.TryParse(text[1..], NumberStyles.None, CultureInfo.InvariantCulture, out nanos))
        {
            return false;
        }
        for (var digits = text.Length - 1; digits < 9; digits++)
        {
            nanos *= 10;
        }
        return true;
    }

    private void Pair(long seconds, int nanos)
    {
        output.Tag(1, WireType.Varint);
        output.Varint((ulong)seconds);
        output.Tag(2, WireType.Varint);
        output.Varint((ulong)(long)nanos);
    }

    /// <summary><c>name,nextDelivery</c>: paths of fields as JSON calls them.</summary>
    private bool Mask(string text)
    {
        if (text.Contains('_'))
        {
            return false;
        }
        foreach (var part in text.AsSpan().Split(','))
        {
            var path = text.AsSpan()[part];
            if (path.IsEmpty)
            {
                return text.Length == 0;
            }
            output.Tag(1, WireType.Bytes);
            var start = output.Begin();
            foreach (var c in path)
            {
                if (c > 127)
                {
                    return false;
                }
                if (char.IsAsciiLetterUpper(c))
                {
                    output.Reserve(1)[0] = (byte)'_';
                }
                output.Reserve(1)[0] = (byte)char.ToLowerInvariant(c);
            }
            output.End(start);
        }
        return true;
    }
}
