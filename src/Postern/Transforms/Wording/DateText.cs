using Postern.Transforms.Json;
using Postern.Transforms.Locales;

namespace Postern.Transforms.Wording;

/// <summary>
/// <c>date(timestamp, format, offset)</c>: a point in time in a format: one by name that each locale writes its own way
/// (<see cref="DatePattern.Names"/>), <c>iso</c>, or a pattern. In UTC, or at an offset such as <c>+02:00</c>. There are no named time
/// zones: their rules differ between machines, and the client knows its own.
/// </summary>
internal static class DateText
{
    /// <summary>The format where none is named.</summary>
    public const string Usual = "date";

    private const string Iso = "iso";

    private static readonly DatePattern IsoPattern = DatePattern.Parse("yyyy-MM-ddTHH:mm:ssXXX", out _)!;

    /// <summary>Whether the locale makes a difference to what a format gives; so it may with one that is none.</summary>
    public static bool DependsOnLocale(string format) =>
        format != Iso && (IsNamed(format) || DatePattern.Parse(format, out _) is not { DependsOnLocale: false });

    /// <summary>What is wrong with a format; null where nothing is.</summary>
    public static Mistake? InFormat(string format)
    {
        if (format == Iso || IsNamed(format) || DatePattern.Parse(format, out var mistake) is not null)
        {
            return null;
        }
        return mistake! with { Fix = $"{mistake.Fix}; formats by name are {string.Join(", ", DatePattern.Names)} and {Iso}" };
    }

    /// <summary>What is wrong with an offset; null where nothing is.</summary>
    public static Mistake? InOffset(string offset) =>
        Timestamp.TryOffset(offset, out _) ? null : new($"no offset '{offset}' from UTC", "write one like '+02:00'; time zones have no names here, for their rules differ between machines");

    /// <summary>The text; null of null; an error where there is no such time, format or offset.</summary>
    public static JsonValue Text(in JsonValue timestamp, in JsonValue format, in JsonValue offset, Locale locale)
    {
        if (timestamp.IsNull || timestamp.IsError)
        {
            return timestamp;
        }
        if (timestamp.Kind is not (JsonKind.String or JsonKind.Number) || format.Kind != JsonKind.String || offset.Kind != JsonKind.String)
        {
            return JsonValue.Error("invalid-type");
        }
        if (!Timestamp.TryRead(timestamp, out var time) || !Timestamp.TryOffset(offset.AsString(), out var at)
            || Pattern(format.AsString()!, locale) is not { } pattern || !IsThere(time, at))
        {
            return JsonValue.Error("invalid-value");
        }
        return JsonValue.Of(pattern.Write(time.ToOffset(at), locale));
    }

    private static bool IsNamed(string format) => Array.IndexOf(DatePattern.Names, format) >= 0;

    private static DatePattern? Pattern(string format, Locale locale) =>
        format == Iso ? IsoPattern : locale.Formats.GetValueOrDefault(format) ?? DatePattern.Parse(format, out _);

    /// <summary>The first and the last hours of the calendar don't exist at every offset.</summary>
    private static bool IsThere(DateTimeOffset time, TimeSpan offset) =>
        time.UtcTicks + offset.Ticks is var ticks && ticks >= DateTime.MinValue.Ticks && ticks <= DateTime.MaxValue.Ticks;
}
