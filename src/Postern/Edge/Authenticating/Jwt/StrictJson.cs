using System.Text.Json;
using System.Text.Unicode;

namespace Postern.Edge.Authenticating.Jwt;

/// <summary>
/// Reads a JSON object that can be read in one way only: UTF-8 without faults, no name twice at any depth, no half of a
/// surrogate pair in any text, nothing behind it. What passes can be asked for every name and text without an exception.
/// </summary>
internal static class StrictJson
{
    /// <summary>How deep it may nest.</summary>
    public const int MaxDepth = 32;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = MaxDepth };

    /// <summary>The object, in memory of its own; else why it is none.</summary>
    public static JsonElement Object(ReadOnlySpan<byte> utf8, out string? problem)
    {
        if (!Utf8.IsValid(utf8))
        {
            problem = "is not UTF-8";
            return default;
        }
        if (HasHalfPair(utf8))
        {
            problem = "has half of a surrogate pair";
            return default;
        }
        try
        {
            var json = JsonElement.Parse(utf8, Strict);
            problem = json.ValueKind == JsonValueKind.Object ? null : "is not a JSON object";
            return json;
        }
        catch (JsonException e)
        {
            // What the reader throws is derived from it; the type itself is thrown for a name that is there already.
            problem = e.GetType() == typeof(JsonException) ? "has a name twice" : $"is not JSON, or nested deeper than {MaxDepth}";
            return default;
        }
    }

    /// <summary>Whether an escape such as <c>\ud800</c> stands without its other half. Where the text is no JSON, either answer does.</summary>
    private static bool HasHalfPair(ReadOnlySpan<byte> json)
    {
        var first = false; // The escape just before was the first half of a pair.
        for (var at = json.IndexOf((byte)'\\'); at >= 0 && at + 1 < json.Length;)
        {
            var unit = json[at + 1] == 'u' ? Unit(json[at..]) : 0;
            var second = unit is >= 0xDC00 and <= 0xDFFF;
            if (second != first)
            {
                return true;
            }
            first = unit is >= 0xD800 and <= 0xDBFF;
            var past = at + (json[at + 1] == 'u' ? 6 : 2);
            var next = past >= json.Length ? -1 : json[past..].IndexOf((byte)'\\');
            if (first && next != 0)
            {
                return true;
            }
            at = next < 0 ? -1 : past + next;
        }
        return false;
    }

    private static int Unit(ReadOnlySpan<byte> escape) =>
        escape.Length >= 6 && ushort.TryParse(escape[2..6], System.Globalization.NumberStyles.AllowHexSpecifier, null, out var unit) ? unit : 0;
}
