using System.Globalization;

namespace Postern.Config;

/// <summary>The plain values of the language, from text; the same for YAML, for defaults in attributes and for messages.</summary>
internal static class Scalars
{
    /// <summary>The longest duration that timers take; about 24 days.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(int.MaxValue);

    private static readonly (string Unit, decimal Milliseconds)[] Durations = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

    /// <summary>A duration with its unit: <c>250ms</c>, <c>1.5s</c>, <c>2h</c>; <c>0</c> needs none. One too long for a timer
    /// becomes a little more than the longest, so that its range can be spoken of.</summary>
    public static bool TryDuration(string text, out TimeSpan duration)
    {
        duration = default;
        foreach (var (unit, factor) in Durations)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal) && TryNumber(text.AsSpan(0, text.Length - unit.Length), out var number))
            {
                var tooLong = number > int.MaxValue / factor;
                duration = tooLong ? Longest + TimeSpan.FromMilliseconds(1) : TimeSpan.FromTicks((long)(number * factor * TimeSpan.TicksPerMillisecond));
                return true;
            }
        }
        return text == "0";
    }

    /// <summary>A number without sign, exponent or spaces.</summary>
    public static bool TryNumber(ReadOnlySpan<char> text, out decimal number)
    {
        number = 0;
        return text.Length is > 0 and < 28 && decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>The shortest exact way to write a duration.</summary>
    public static string Format(TimeSpan duration)
    {
        var ms = (decimal)duration.Ticks / TimeSpan.TicksPerMillisecond;
        foreach (var (unit, factor) in Durations.Reverse())
        {
            if (ms >= factor && ms % factor == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{ms / factor:0.####}{unit}");
            }
        }
        return ms == 0 ? "0" : string.Create(CultureInfo.InvariantCulture, $"{ms:0.####}ms");
    }

    /// <summary>A plain value as a user would write it.</summary>
    public static string Format(object value) => value switch
    {
        bool b => b ? "true" : "false",
        TimeSpan duration => Format(duration),
        Enum e => Sections.KeyOf(e.ToString()),
        IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

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
        if (PlainTypes.Of(type) is { } plain)
        {
            return plain.Read(text);
        }
        return type.IsEnum ? Enum.GetNames(type).Where(n => Sections.KeyOf(n) == text).Select(n => Enum.Parse(type, n)).FirstOrDefault() : null;
    }
}
