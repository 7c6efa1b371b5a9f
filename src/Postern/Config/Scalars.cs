using System.Globalization;

namespace Postern.Config;

/// <summary>The plain values of the language, from text; the same for YAML, for defaults in attributes and for messages.</summary>
internal static class Scalars
{
    private static readonly (string Unit, double Milliseconds)[] Durations = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

    /// <summary>A duration with its unit: <c>250ms</c>, <c>1.5s</c>, <c>2h</c>; <c>0</c> needs none.</summary>
    public static bool TryDuration(string text, out TimeSpan duration)
    {
        duration = default;
        foreach (var (unit, factor) in Durations)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number * factor <= int.MaxValue)
            {
                duration = TimeSpan.FromMilliseconds(number * factor);
                return true;
            }
        }
        return text == "0";
    }

    /// <summary>The shortest exact way to write a duration.</summary>
    public static string Format(TimeSpan duration)
    {
        var ms = duration.TotalMilliseconds;
        foreach (var (unit, factor) in Durations.Reverse())
        {
            if (ms >= factor && ms % factor == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{ms / factor}{unit}");
            }
        }
        return ms == 0 ? "0" : string.Create(CultureInfo.InvariantCulture, $"{ms}ms");
    }

    /// <summary>The value of <paramref name="type"/> that <paramref name="text"/> writes, or null if it writes none.</summary>
    public static object? Parse(Type type, string text)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
        {
            return text;
        }
        if (type == typeof(bool))
        {
            return text switch { "true" => true, "false" => false, _ => null };
        }
        if (type == typeof(int))
        {
            return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
        }
        if (type == typeof(long))
        {
            return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
        }
        if (type == typeof(TimeSpan))
        {
            return TryDuration(text, out var duration) ? duration : null;
        }
        if (type == typeof(ByteSize))
        {
            return ByteSize.TryParse(text, out var size) ? size : null;
        }
        if (type.IsEnum)
        {
            foreach (var name in Enum.GetNames(type))
            {
                if (Sections.KeyOf(name) == text)
                {
                    return Enum.Parse(type, name);
                }
            }
        }
        return null;
    }
}
