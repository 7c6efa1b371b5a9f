using System.Text;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Functions;

/// <summary>Functions that say what a value is, or make another of it.</summary>
internal static class Conversions
{
    public static readonly Function[] All =
    [
        new("type(any) -> string", (a, _) => TypeOf(a[0].Kind)),
        new("to_array(any) -> array", (a, _) => a[0].Kind == JsonKind.Array ? a[0] : JsonValue.Of([a[0]])),
        new("to_string(any) -> string", ToText),
        new("to_number(any) -> number|null", ToNumber),
    ];

    private static readonly JsonValue[] Types =
        [.. new[] { "null", "boolean", "boolean", "number", "string", "array", "object" }.Select(t => JsonValue.Of(t))];

    private static JsonValue TypeOf(JsonKind kind) => Types[(int)kind];

    private static JsonValue ToText(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var value = arguments[0];
        if (value.Kind == JsonKind.String)
        {
            return value;
        }
        if (!call.SpendText(value.Length))
        {
            return Call.Spent;
        }
        using var output = new JsonOutput(MaxText);
        value.WriteCompact(output);
        return output.IsFull || !call.SpendText(output.Length) ? Call.Spent : JsonValue.Of(Encoding.UTF8.GetString(output.Written));
    }

    /// <summary>As many bytes as a value may have that becomes a text.</summary>
    private const int MaxText = 4 * 1024 * 1024;

    private static JsonValue ToNumber(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var value = arguments[0];
        if (value.Kind != JsonKind.String)
        {
            return value.Kind == JsonKind.Number ? value : JsonValue.Null;
        }
        return Texts.Text(value, call) is not { } text ? Call.Spent : JsonNumbers.TryRead(text, out var number) ? number : JsonValue.Null;
    }
}
