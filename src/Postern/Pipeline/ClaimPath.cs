using System.Text.Json;

namespace Postern.Pipeline;

/// <summary>
/// Where a claim stands: its name, or names from the outside in, parted by dots: <c>realm_access.roles</c>. A claim that has
/// the whole text for its name comes first, because names are often URLs.
/// </summary>
internal sealed class ClaimPath(string text)
{
    private readonly string[] names = text.Split('.');

    /// <summary>The path as written.</summary>
    public override string ToString() => text;

    /// <summary>The claim's value, or null where there is none.</summary>
    public JsonElement? In(JsonElement claims)
    {
        if (claims.ValueKind != JsonValueKind.Object)
        {
            return null;
        }
        if (claims.TryGetProperty(text, out var whole))
        {
            return Unless(whole);
        }
        foreach (var name in names)
        {
            if (claims.ValueKind != JsonValueKind.Object || !claims.TryGetProperty(name, out claims))
            {
                return null;
            }
        }
        return Unless(claims);
    }

    /// <summary>The claim as one text; null where there is none or it is an object. A list's entries are joined by commas.</summary>
    public string? Text(JsonElement claims) => In(claims) is { } value ? Text(value, ",") : null;

    /// <summary>The claim as a list: an array's plain entries, or a text's words.</summary>
    public IReadOnlyList<string> List(JsonElement claims) => In(claims) switch
    {
        { ValueKind: JsonValueKind.Array } array => [.. array.EnumerateArray().Select(Plain).OfType<string>()],
        { ValueKind: JsonValueKind.String } words => words.GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        { } value when Plain(value) is { } one => [one],
        _ => [],
    };

    /// <summary>One plain value as text; null for arrays and objects.</summary>
    public static string? Plain(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.True or JsonValueKind.False or JsonValueKind.Number => value.GetRawText(),
        _ => null,
    };

    private static string? Text(JsonElement value, string separator) => value.ValueKind == JsonValueKind.Array
        ? string.Join(separator, value.EnumerateArray().Select(Plain).OfType<string>())
        : Plain(value);

    private static JsonElement? Unless(JsonElement value) => value.ValueKind == JsonValueKind.Null ? null : value;
}
