using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Functions;

/// <summary>Functions that look for a text in another, or for a value in a list.</summary>
internal static class Searches
{
    public static readonly Function[] All =
    [
        new("contains(array|string, any) -> boolean", Contains),
        new("starts_with(string, string) -> boolean", (a, call) => Ends(a, call, (text, part) => text.StartsWith(part, StringComparison.Ordinal))),
        new("ends_with(string, string) -> boolean", (a, call) => Ends(a, call, (text, part) => text.EndsWith(part, StringComparison.Ordinal))),
        new("find_first(string, string, number?, number?) -> number|null", (a, call) => Find(a, call, last: false)),
        new("find_last(string, string, number?, number?) -> number|null", (a, call) => Find(a, call, last: true)),
    ];

    private static JsonValue Contains(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        if (arguments[0].Kind == JsonKind.String)
        {
            if (arguments[1].Kind != JsonKind.String)
            {
                return JsonValue.Of(false);
            }
            return Texts.Text(arguments[0], call) is { } text && Texts.Text(arguments[1], call) is { } part && call.SpendSearch(text.Length, part.Length)
                ? JsonValue.Of(text.Contains(part, StringComparison.Ordinal)) : Call.Spent;
        }
        foreach (var item in arguments[0].Items)
        {
            if (call.AreEqual(item, arguments[1]))
            {
                return JsonValue.Of(true);
            }
            if (call.IsSpent)
            {
                return Call.Spent;
            }
        }
        return JsonValue.Of(false);
    }

    private static JsonValue Ends(ReadOnlySpan<JsonValue> arguments, Call call, Func<string, string, bool> has) =>
        Texts.Text(arguments[0], call) is { } text && Texts.Text(arguments[1], call) is { } part ? JsonValue.Of(has(text, part)) : Call.Spent;

    private static JsonValue Find(ReadOnlySpan<JsonValue> arguments, Call call, bool last)
    {
        var (start, end) = (0, int.MaxValue);
        if ((arguments.Length > 2 && !Texts.TryWhole(arguments[2], out start)) || (arguments.Length > 3 && !Texts.TryWhole(arguments[3], out end)))
        {
            return Call.InvalidValue;
        }
        if (Texts.Text(arguments[0], call) is not { } text || Texts.Text(arguments[1], call) is not { } part || !call.SpendSearch(text.Length, part.Length))
        {
            return Call.Spent;
        }
        if (text.Length == 0 || part.Length == 0)
        {
            return JsonValue.Null;
        }
        var count = Characters.Count(text);
        var from = Characters.Place(text, Within(start, count));
        var behind = Characters.Place(text, Within(end, count));
        if (from >= behind)
        {
            return JsonValue.Null;
        }
        var range = text.AsSpan(from, behind - from);
        var at = last ? range.LastIndexOf(part, StringComparison.Ordinal) : range.IndexOf(part, StringComparison.Ordinal);
        return at < 0 ? JsonValue.Null : JsonValue.Of((decimal)Characters.Count(text.AsSpan(0, from + at)));
    }

    private static int Within(long place, int count) => (int)Math.Clamp(place < 0 ? place + count : place, 0, count);
}
