using Postern.Transforms.Json;

namespace Postern.Transforms.Wording;

/// <summary>
/// A point in time as services write it: RFC 3339 (a space for the <c>T</c>, no offset for UTC and a day alone are taken too), or a
/// number of seconds since 1970, of milliseconds from a hundred thousand million on.
/// </summary>
internal static class Timestamp
{
    private const long Milliseconds = 100_000_000_000;

    /// <summary>Characters of a timestamp; its fraction may be long.</summary>
    private const int MaxLength = 64;

    /// <summary>The time, with the offset it was written with; false where it is none between the years 1 and 9999.</summary>
    public static bool TryRead(in JsonValue value, out DateTimeOffset time)
    {
        time = default;
        return value.Kind switch
        {
            JsonKind.String => TryParse(value, out time),
            JsonKind.Number => TryCount(value.AsDouble(), out time),
            _ => false,
        };
    }

    /// <summary>What is wrong with a timestamp that stands in an expression; null where nothing is.</summary>
    public static Mistake? In(in JsonValue literal) => literal.IsNull || TryRead(literal, out _) ? null
        : new(literal.AsString() is { } text ? $"no timestamp '{text}'" : "no timestamp", "write one like '2025-12-29T22:45:00Z', or seconds since 1970; a field's name stands without quotes");

    private static bool TryParse(in JsonValue value, out DateTimeOffset time)
    {
        Span<char> text = stackalloc char[MaxLength];
        time = default;
        return ShortText.TryCopy(value, text, out var length) && TryParse(text[..length], out time);
    }

    /// <summary>Reads RFC 3339 §5.6.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out DateTimeOffset time)
    {
        time = default;
        if (!Number(text, 0, 4, out var year) || !Sign(text, 4, '-') || !Number(text, 5, 2, out var month) || !Sign(text, 7, '-') || !Number(text, 8, 2, out var day)
            || year == 0 || month is 0 or > 12 || day == 0 || day > DateTime.DaysInMonth(year, month))
        {
            return false;
        }
        var date = new DateTime(year, month, day, 0, 0, 0, DateTimeKind.Unspecified);
        var rest = text[10..];
        if (rest.IsEmpty)
        {
            time = new DateTimeOffset(date, TimeSpan.Zero);
            return true;
        }
        if (rest[0] is not ('T' or 't' or ' ') || !Number(rest, 1, 2, out var hour) || !Sign(rest, 3, ':') || !Number(rest, 4, 2, out var minute) || hour > 23 || minute > 59)
        {
            return false;
        }
        rest = rest[6..];
        var (second, ticks) = (0, 0L);
        if (Sign(rest, 0, ':'))
        {
            if (!Number(rest, 1, 2, out second) || second > 60 || !TryFraction(rest[3..], out ticks, out var length))
            {
                return false;
            }
            rest = rest[(3 + length)..];
        }
        second = Math.Min(second, 59); // A leap second is the last one of its minute.
        return TryOffset(rest, out var offset) && TryMake(date.AddTicks(new TimeSpan(hour, minute, second).Ticks + ticks), offset, out time);
    }

    /// <summary>Reads <c>Z</c>, <c>+02:00</c>, <c>+0200</c>, or nothing, which is UTC.</summary>
    public static bool TryOffset(ReadOnlySpan<char> text, out TimeSpan offset)
    {
        offset = TimeSpan.Zero;
        if (text is "" or "Z" or "z")
        {
            return true;
        }
        var colon = Sign(text, 3, ':') ? 1 : 0;
        if (text[0] is not ('+' or '-') || text.Length != 5 + colon || !Number(text, 1, 2, out var hours) || !Number(text, 3 + colon, 2, out var minutes) || hours > 14 || minutes > 59)
        {
            return false;
        }
        offset = new TimeSpan(hours, minutes, 0);
        offset = text[0] == '-' ? -offset : offset;
        return offset.Duration() <= TimeSpan.FromHours(14);
    }

    private static bool TryMake(DateTime local, TimeSpan offset, out DateTimeOffset time)
    {
        var ticks = local.Ticks - offset.Ticks;
        var good = ticks >= DateTime.MinValue.Ticks && ticks <= DateTime.MaxValue.Ticks;
        time = good ? new DateTimeOffset(local, offset) : default;
        return good;
    }

    private static bool TryCount(double number, out DateTimeOffset time)
    {
        var milliseconds = Math.Abs(number) < Milliseconds ? number * 1000 : number;
        // From the first to the last day of what a DateTimeOffset holds.
        var good = milliseconds is >= -62_135_596_800_000 and < 253_402_300_800_000;
        time = good ? DateTimeOffset.FromUnixTimeMilliseconds((long)Math.Floor(milliseconds)) : default;
        return good;
    }

    private static bool TryFraction(ReadOnlySpan<char> text, out long ticks, out int length)
    {
        (ticks, length) = (0, 0);
        if (text.IsEmpty || text[0] is not ('.' or ','))
        {
            return true;
        }
        var unit = TimeSpan.TicksPerSecond;
        for (length = 1; length < text.Length && char.IsAsciiDigit(text[length]); length++)
        {
            unit /= 10;
            ticks += unit * (text[length] - '0');
        }
        return length > 1;
    }

    private static bool Number(ReadOnlySpan<char> text, int at, int digits, out int number)
    {
        number = 0;
        if (text.Length < at + digits)
        {
            return false;
        }
        foreach (var digit in text.Slice(at, digits))
        {
            if (!char.IsAsciiDigit(digit))
            {
                return false;
            }
            number = (number * 10) + digit - '0';
        }
        return true;
    }

    private static bool Sign(ReadOnlySpan<char> text, int at, char sign) => text.Length > at && text[at] == sign;
}
