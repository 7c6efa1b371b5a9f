namespace Postern.Config;

/// <summary>The types of the language, and how it speaks of them; the same for messages, the schema and the reference.</summary>
internal static class Words
{
    /// <summary>The type of a list's entries, or null if it is no list.</summary>
    public static Type? ListOf(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) ? type.GetGenericArguments()[0] : null;

    /// <summary>The type of a mapping's values where the user chooses the keys, or null if it is no such mapping.</summary>
    public static Type? MapOf(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>) ? type.GetGenericArguments()[1] : null;

    /// <summary>Whether it is a record with keys of its own.</summary>
    public static bool IsRecord(Type type) => typeof(Options).IsAssignableFrom(type);

    /// <summary>The type behind a nullable one.</summary>
    public static Type Bare(Type type) => Nullable.GetUnderlyingType(type) ?? type;

    /// <summary>The key and the value of one entry of a mapping whose value type isn't known.</summary>
    public static (string Key, object Value) Entry(object pair)
    {
        var type = pair.GetType();
        return ((string)type.GetProperty("Key")!.GetValue(pair)!, type.GetProperty("Value")!.GetValue(pair)!);
    }

    /// <summary>The values of an enum, as they are written.</summary>
    public static IEnumerable<string> Choices(Type type) => Enum.GetNames(Bare(type)).Select(Sections.KeyOf);

    /// <summary>What is needed where this type stands: <c>a duration</c>, <c>a list of texts</c>.</summary>
    public static string Of(Type type, bool oneOrMany = false)
    {
        type = Bare(type);
        if (ListOf(type) is { } entry)
        {
            return oneOrMany ? $"{Of(entry)} or a list of them" : "a list";
        }
        if (IsRecord(type))
        {
            return Sections.ShorthandOf(type) is { } plain ? $"{Of(plain.Type)} or a mapping" : "a mapping";
        }
        return type switch
        {
            _ when type == typeof(string) => "a text",
            _ when type == typeof(bool) => "true or false",
            _ when type == typeof(int) || type == typeof(long) => "a whole number",
            _ when type == typeof(TimeSpan) => "a duration",
            _ when type == typeof(ByteSize) => "a size",
            _ when type.IsEnum => "one of " + string.Join(", ", Choices(type)),
            _ => "a mapping",
        };
    }

    /// <summary>What to write instead of <paramref name="got"/>, if that can be told.</summary>
    public static string? Fix(Type type, string got)
    {
        type = Bare(type);
        var tight = got.Replace(" ", "").Replace("_", "");
        if (type == typeof(TimeSpan))
        {
            var spelled = tight.ToLowerInvariant();
            foreach (var (word, unit) in new[] { ("milliseconds", "ms"), ("msec", "ms"), ("seconds", "s"), ("secs", "s"), ("sec", "s"), ("minutes", "m"), ("mins", "m"), ("min", "m"), ("hours", "h"), ("hour", "h") })
            {
                spelled = spelled.EndsWith(word, StringComparison.Ordinal) ? spelled[..^word.Length] + unit : spelled;
            }
            return Scalars.TryNumber(got, out _) ? $"write {got}s or {got}ms"
                : Scalars.TryDuration(spelled, out _) ? $"write {spelled}" : "write 3s or 250ms";
        }
        if (type == typeof(ByteSize))
        {
            var number = tight.TrimEnd('b', 'B', 'i', 'I', 'k', 'K', 'm', 'M', 'g', 'G');
            var unit = tight[number.Length..].ToUpperInvariant().Replace("I", "");
            unit = unit.Length is 0 or 2 || unit == "B" ? unit : unit + "B";
            return Scalars.TryNumber(got, out _) ? $"write {got}B, {got}KB or {got}MB"
                : ByteSize.TryParse(number + unit, out _) ? $"write {number}{unit}" : "write 64KB or 10MB";
        }
        if (type == typeof(bool))
        {
            return got.ToLowerInvariant() switch
            {
                "yes" or "on" or "y" or "1" or "true" => "write true",
                "no" or "off" or "n" or "0" or "false" => "write false",
                _ => null,
            };
        }
        if (type == typeof(int) || type == typeof(long))
        {
            return tight.Length > 0 && tight.All(char.IsAsciiDigit) ? tight.Length < 10 ? $"write {tight}" : "it is too large" : null;
        }
        return type.IsEnum && Nearest.Of(got, Choices(type)) is { } near ? $"did you mean '{near}'?" : null;
    }
}
