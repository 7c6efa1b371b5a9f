using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Functions;

/// <summary>Functions that make a text as wide as it should be.</summary>
internal static class Padding
{
    /// <summary>Characters that a text can be made wide.</summary>
    public const int MaxWidth = 10_000;

    public static readonly Function[] All =
    [
        new("pad_left(string, number, string?) -> string", (a, call) => Pad(a, call, left: true)),
        new("pad_right(string, number, string?) -> string", (a, call) => Pad(a, call, left: false)),
    ];

    private static JsonValue Pad(ReadOnlySpan<JsonValue> arguments, Call call, bool left)
    {
        var by = arguments.Length > 2 ? Texts.Text(arguments[2], call) : " ";
        if (by is null || Texts.Text(arguments[0], call) is not { } text)
        {
            return Call.Spent;
        }
        if (!Texts.TryCount(arguments[1], out var width) || width > MaxWidth || by.Length == 0 || Characters.Width(by, 0) != by.Length)
        {
            return Call.InvalidValue;
        }
        var missing = width - Characters.Count(text);
        if (missing <= 0)
        {
            return arguments[0];
        }
        if (!call.SpendText(missing))
        {
            return Call.Spent;
        }
        var filling = by.Length == 1 ? new string(by[0], missing) : string.Concat(Enumerable.Repeat(by, missing));
        return JsonValue.Of(left ? filling + text : text + filling);
    }
}
