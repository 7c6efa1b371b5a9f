using System.Text.Json;
using System.Text.Unicode;

namespace Postern.Edge.Authenticating;

/// <summary>
/// JSON that can be read in one way only, because who is calling hangs on it: no name twice (RFC 8725 §2.4 has what comes of
/// it), nothing but UTF-8, no half characters, so that every text in it can be taken later without asking again.
/// </summary>
internal static class StrictJson
{
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>The object that the bytes are, independent of them; null where they are anything else.</summary>
    public static JsonElement? Object(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
        {
            return null;
        }
        try
        {
            var value = JsonElement.Parse(json, Options);
            return value.ValueKind == JsonValueKind.Object && IsWhole(value) ? value : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null; // Half a surrogate pair, as an escape, shows only when the text is taken.
        }
    }

    /// <summary>Takes each name and text once.</summary>
    private static bool IsWhole(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in value.EnumerateObject())
                {
                    if (property.Name is null || !IsWhole(property.Value))
                    {
                        return false;
                    }
                }
                return true;
            case JsonValueKind.Array:
                foreach (var entry in value.EnumerateArray())
                {
                    if (!IsWhole(entry))
                    {
                        return false;
                    }
                }
                return true;
            case JsonValueKind.String:
                return value.GetString() is not null;
            default:
                return true;
        }
    }
}
