using System.Reflection;
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
            _ when type == typeof(Rate) && RateMeant(got) is { } rate => $"write {rate}",
            _ when type == typeof(Burst) && BurstMeant(got) is { } burst => $"write {burst}",
            _ when PlainTypes.Of(type) is { } plain => plain.Fix,
            _ when type == typeof(bool) => Bool(got),
            _ when type == typeof(int) || type == typeof(long) => Number(got),
            _ when type.IsEnum => Choice(type, got) is { } near ? $"did you mean '{near}'?" : null,
            _ when Words.IsRecord(type) => $"its keys are {string.Join(", ", Sections.Of(type).Select(p => p.Key))}",
            _ => null,
        };
    }

    /// <summary>The value that is called so elsewhere, or else the one that takes the fewest slips.</summary>
    private static string? Choice(Type type, string got)
    {
        var bare = Bare(got);
        var meant = type.GetFields(BindingFlags.Public | BindingFlags.Static)
            .FirstOrDefault(f => Bare(f.Name) == bare || f.GetCustomAttribute<ElsewhereAttribute>()?.Names.Any(n => Bare(n) == bare) == true);
        return meant is null ? Nearest.Of(got, Words.Choices(type)) : Sections.KeyOf(meant.Name);
    }

    /// <summary>Without what joins words.</summary>
    private static string Bare(string name) => name.Replace("_", "").Replace("-", "").Replace(" ", "").ToLowerInvariant();

    private static string Duration(string got)
    {
        if (Scalars.TryNumber(got, out _))
        {
            return $"write {got}s or {got}ms";
        }
        var meant = DurationMeant(got);
        return Scalars.TryDuration(meant, out _) ? $"write {meant}" : "write 3s or 250ms";
    }

    /// <summary>A duration in the units of the language, of one part; what was written where it is none.</summary>
    private static string DurationMeant(string got)
    {
        var tight = got.Replace(" ", "").ToLowerInvariant();
        foreach (var (word, unit) in Spelled)
        {
            tight = tight.EndsWith(word, StringComparison.Ordinal) ? tight[..^word.Length] + unit : tight;
        }
        if (Parts().Match(tight) is not { Success: true } parts)
        {
            return tight;
        }
        var sum = TimeSpan.Zero;
        foreach (Capture part in parts.Groups[1].Captures)
        {
            sum += Scalars.TryDuration(part.Value, out var one) ? one : default;
        }
        return Scalars.Format(sum);
    }

    /// <summary>The rate that <c>60 / Minutes</c>, <c>5r/s</c>, <c>100 per hour</c> or <c>1.5/s</c> is; null for none.</summary>
    private static string? RateMeant(string got)
    {
        if (Rate.TryParse($"{got}/s", out _))
        {
            return $"{got}/s or {got}/minute";
        }
        var parts = OtherRate().Match(got.Replace("rps", "/s").Replace("rpm", "/minute"));
        var unit = parts.Groups[2].Value.Replace(" ", "").ToLowerInvariant();
        var time = Array.Find([unit, unit.TrimEnd('s'), DurationMeant(unit)], w => Rate.TryParse($"1/{w}", out _));
        if (time is null || !Scalars.TryNumber(parts.Groups[1].Value.Replace(",", "").Replace("_", ""), out var count))
        {
            return null;
        }
        // A part of a request is a whole one in a longer time.
        var times = Enumerable.Range(1, 1000).FirstOrDefault(n => count * n % 1 == 0);
        Rate.TryParse($"1/{time}", out var one);
        var meant = times == 1 ? $"{count:0}/{time}" : $"{count * times:0}/{Scalars.Format(one.Per * times)}";
        return Rate.TryParse(meant, out var rate) && rate.Problem is null ? meant : null;
    }

    /// <summary>The burst that <c>1.5/10s</c>, <c>2X/10 seconds</c> or <c>2x</c> is; null for none.</summary>
    private static string? BurstMeant(string got)
    {
        var parts = got.Replace(" ", "").ToLowerInvariant().Split('/');
        var over = parts.Length == 1 ? "10s" : Scalars.TryNumber(parts[1], out _) ? parts[1] + "s" : DurationMeant(parts[1]);
        var meant = $"{parts[0].TrimEnd('x')}x/{over}";
        return parts.Length < 3 && Burst.TryParse(meant, out var burst) && burst.Problem is null ? meant : null;
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

    [GeneratedRegex(@"^\s*(\d{1,3}(?:,\d{3})+|[\d_.]+)\s*r?(?:/|\s+per\s+)([\w. ]+)\z")]
    private static partial Regex OtherRate();

    [GeneratedRegex(@"^(\d{1,9}(?:ms|s|m|h)){2,4}\z")]
    private static partial Regex Parts();
}
