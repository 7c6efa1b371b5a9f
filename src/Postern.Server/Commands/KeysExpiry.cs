using System.Globalization;
using System.Text.RegularExpressions;
using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Server.Commands;

/// <summary>When keys end, as it is typed: <c>90d</c> from now, or a date.</summary>
internal static partial class KeysExpiry
{
    public const string Never = "never";

    /// <summary>A length of time: <c>90d</c>, <c>12h</c>, <c>2w</c>, <c>30m</c>; <c>0</c> for none.</summary>
    public static bool TrySpan(string text, out TimeSpan span)
    {
        span = default;
        if (text == "0")
        {
            return true;
        }
        if (Span().Match(text) is not { Success: true } match)
        {
            return false;
        }
        var number = int.Parse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);
        span = match.Groups[2].ValueSpan[0] switch
        {
            's' => TimeSpan.FromSeconds(number),
            'm' => TimeSpan.FromMinutes(number),
            'h' => TimeSpan.FromHours(number),
            'd' => TimeSpan.FromDays(number),
            _ => TimeSpan.FromDays(7L * number),
        };
        return true;
    }

    /// <summary>The time that is meant; or what is wrong with it.</summary>
    public static (DateTimeOffset? Time, string? Problem) Of(string text, DateTimeOffset now)
    {
        if (text == Never)
        {
            return (null, null);
        }
        DateTimeOffset time;
        if (TrySpan(text, out var span))
        {
            if (span > DateTimeOffset.MaxValue - now)
            {
                return (null, $"'{text}' ends after the year 9999; write {Never}");
            }
            time = now + span;
        }
        else if (!Rfc3339.TryParse(text, out time)
            && !DateTimeOffset.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out time))
        {
            return (null, $"When a key ends is written as 90d, 12h, 2027-01-01, 2027-01-01T12:00:00Z or {Never}, got '{text}'.");
        }
        return time > now ? (time, null) : (null, $"A key ends in the future, got '{text}'.");
    }

    [GeneratedRegex(@"^([0-9]{1,6})([smhdw])\z")]
    private static partial Regex Span();
}
