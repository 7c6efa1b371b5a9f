using System.Globalization;
using Postern.Transforms.Json;

namespace Postern.Transforms.Wording;

/// <summary>
/// <c>ago(timestamp)</c>: how long ago something was, in the largest unit that is full: <c>now</c> (below ten seconds), <c>42s</c>,
/// <c>5m</c>, <c>3h</c>, <c>2d</c>, <c>3w</c>, then whole months and years of the calendar, <c>5mo</c>, <c>2y</c>. What lies ahead is
/// <c>in 2d</c>; up to a minute ahead is <c>now</c>, for two clocks are never quite the same. The same in every locale.
/// </summary>
internal static class Ago
{
    private const long Second = TimeSpan.TicksPerSecond;

    /// <summary>The text; null of null; an error where there is no such time.</summary>
    public static JsonValue Text(in JsonValue timestamp, DateTimeOffset now)
    {
        if (timestamp.IsNull || timestamp.IsError)
        {
            return timestamp;
        }
        if (timestamp.Kind is not (JsonKind.String or JsonKind.Number))
        {
            return JsonValue.Error("invalid-type");
        }
        return Timestamp.TryRead(timestamp, out var then) ? JsonValue.Of(Text(then, now)) : JsonValue.Error("invalid-value");
    }

    /// <summary>The text.</summary>
    public static string Text(DateTimeOffset then, DateTimeOffset now)
    {
        var passed = now.UtcTicks - then.UtcTicks;
        return passed switch
        {
            < -60 * Second => $"in {Between(now.UtcDateTime, then.UtcDateTime)}",
            < 10 * Second => "now",
            _ => Between(then.UtcDateTime, now.UtcDateTime),
        };
    }

    private static string Between(DateTime from, DateTime to)
    {
        var span = to - from;
        var months = ((to.Year - from.Year) * 12) + to.Month - from.Month;
        if (Later(from, to))
        {
            months--;
        }
        var (number, unit) = (long)span.TotalSeconds switch
        {
            < 60 => (span.Seconds, "s"),
            < 60 * 60 => (span.Minutes, "m"),
            < 24 * 60 * 60 => (span.Hours, "h"),
            < 7 * 24 * 60 * 60 => (span.Days, "d"),
            _ when months < 1 => (span.Days / 7, "w"),
            _ when months < 12 => (months, "mo"),
            _ => (months / 12, "y"),
        };
        return number.ToString(CultureInfo.InvariantCulture) + unit;
    }

    /// <summary>Whether the first stands later in its month than the second, so that the last month isn't full. Where a month is too short for the day, its last day is that day.</summary>
    private static bool Later(DateTime from, DateTime to)
    {
        var day = Math.Min(from.Day, DateTime.DaysInMonth(to.Year, to.Month));
        return day > to.Day || (day == to.Day && from.TimeOfDay > to.TimeOfDay);
    }
}
