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
            return oneOrMany ? $"{Of(entry).Replace(" or ", ", ")} or a list of them" : "a list";
        }
        if (IsRecord(type))
        {
            return Sections.ShorthandOf(type) is { } plain ? $"{Of(plain.Type, plain.OneOrMany).Replace(" or ", ", ")} or a mapping" : "a mapping";
        }
        return type switch
        {
            _ when type == typeof(string) => "a text",
            _ when type == typeof(FileText) || type == typeof(FileBytes) => "the path of a file",
            _ when type == typeof(Inline) => "a value",
            _ when type == typeof(bool) => "true or false",
            _ when type == typeof(int) || type == typeof(long) => "a whole number",
            _ when type == typeof(TimeSpan) => "a duration",
            _ when type == typeof(ByteSize) => "a size",
            _ when PlainTypes.Of(type) is { } plain => plain.Noun,
            _ when type.IsEnum => "one of " + string.Join(", ", Choices(type)),
            _ => "a mapping",
        };
    }
}
