using System.Text.RegularExpressions;

namespace Postern.Config;

/// <summary>What to write instead of a value that is none of its type.</summary>
internal static partial class Fixes
{
    private static readonly (string Word, string Unit)[] Spelled =
    [
        ("milliseconds", "ms"), ("millis", "ms"), ("msec", "ms"), ("seconds", "s"), ("secs", "s"), ("second", "s"), ("sec", "s"),
        ("minutes", "m"), ("minute", "m"), ("mins", "m"), ("min", "m"), ("hours", "h"), ("hour", "h"), ("hrs", "h"), ("hr", "h"),
    ];

    /// <summary>The fix for <paramref name="got"/>, or null where there is none to tell.</summary>
    public static string? Of(Type type, string got)
    {
        type = Words.Bare(type);
        return type switch
        {
            _ when type == typeof(TimeSpan) => Duration(got),
            _ when type == typeof(ByteSize) => Size(got),
            _ when PlainTypes.Of(type) is { } plain => plain.Fix,
            _ when type == typeof(bool) => Bool(got),
            _ when type == typeof(int) || type == typeof(long) => Number(got),
            _ when type.IsEnum => Nearest.Of(got, Words.Choices(type)) is { } near ? $"did you mean '{near}'?" : null,
            _ when Words.IsRecord(type) => $"its keys are {string.Join(", ", Sections.Of(type).Select(p => p.Key))}",
            _ => null,
        };
    }

    private static string Duration(string got)
    {
        var tight = got.Replace(" ", "").ToLowerInvariant();
        foreach (var (word, unit) in Spelled)
        {
            tight = tight.EndsWith(word, StringComparison.Ordinal) ? tight[..^word.Length] + unit : tight;
        }
        if (Scalars.TryNumber(got, out _))
        {
            return $"write {got}s or {got}ms";
        }
        if (Parts().Match(tight) is { Success: true } parts)
        {
            var sum = TimeSpan.Zero;
            foreach (Capture part in parts.Groups[1].Captures)
            {
                sum += Scalars.TryDuration(part.Value, out var one) ? one : default;
            }
            return $"write {Scalars.Format(sum)}";
        }
        return Scalars.TryDuration(tight, out _) ? $"write {tight}" : "write 3s or 250ms";
    }

    private static string Size(string got)
    {
        var tight = got.Replace(" ", "").ToUpperInvariant();
        var number = tight.TrimEnd('B', 'I', 'K', 'M', 'G');
        var unit = tight[number.Length..].Replace("I", "");
        unit = unit is "K" or "M" or "G" ? unit + "B" : unit;
        return Scalars.TryNumber(got, out _) ? $"write {got}B, {got}KB or {got}MB"
            : ByteSize.TryParse(number + unit, out _) ? $"write {number}{unit}" : "write 64KB or 10MB";
    }

    private static string? Bool(string got) => got.ToLowerInvariant() switch
    {
        "yes" or "on" or "y" or "1" or "true" => "write true",
        "no" or "off" or "n" or "0" or "false" => "write false",
        _ => null,
    };

    private static string Number(string got)
    {
        var tight = got.Replace(" ", "").Replace("_", "").Replace(",", "").TrimStart('+');
        return tight.Length == 0 || !tight.All(char.IsAsciiDigit) ? "write digits only" : tight.Length < 10 ? $"write {tight}" : "it is too large";
    }

    [GeneratedRegex(@"^(\d{1,9}(?:ms|s|m|h)){2,4}\z")]
    private static partial Regex Parts();
}
