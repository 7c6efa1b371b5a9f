using System.Text;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Functions;

/// <summary>Functions of texts.</summary>
internal static class Texts
{
    public static readonly Function[] All =
    [
        new("lower(string) -> string", (a, call) => Text(a[0], call) is { } text ? JsonValue.Of(text.ToLowerInvariant()) : Call.Spent),
        new("upper(string) -> string", (a, call) => Text(a[0], call) is { } text ? JsonValue.Of(text.ToUpperInvariant()) : Call.Spent),
        new("join(string, array[string]) -> string", Join),
        new("split(string, string, number?) -> array", Split),
        new("replace(string, string, string, number?) -> string", Replace),
        new("trim(string, string?) -> string", (a, call) => Trim(a, call, left: true, right: true)),
        new("trim_left(string, string?) -> string", (a, call) => Trim(a, call, left: true, right: false)),
        new("trim_right(string, string?) -> string", (a, call) => Trim(a, call, left: false, right: true)),
    ];

    /// <summary>What a text says; null once the work is used up.</summary>
    public static string? Text(in JsonValue text, Call call) => call.SpendText(text.Length) ? text.AsString() : null;

    /// <summary>A number that counts something: whole, and not negative.</summary>
    public static bool TryCount(in JsonValue number, out int count)
    {
        var whole = TryWhole(number, out var value);
        count = Math.Max(0, value);
        return whole && value >= 0;
    }

    /// <summary>A whole number; one too large is the largest there is.</summary>
    public static bool TryWhole(in JsonValue number, out int value)
    {
        var near = number.AsDouble();
        value = (int)Math.Clamp(near, int.MinValue, int.MaxValue);
        return near == Math.Truncate(near);
    }

    private static JsonValue Join(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var glue = Text(arguments[0], call);
        var joined = new StringBuilder();
        var first = true;
        foreach (var item in arguments[1].Items)
        {
            if (glue is null || !call.SpendText(glue.Length) || Text(item, call) is not { } text)
            {
                return Call.Spent;
            }
            joined.Append(first ? "" : glue).Append(text);
            first = false;
        }
        return glue is null ? Call.Spent : JsonValue.Of(joined.ToString());
    }

    private static JsonValue Split(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var most = int.MaxValue;
        if (arguments.Length > 2 && !TryCount(arguments[2], out most))
        {
            return Call.InvalidValue;
        }
        if (Text(arguments[0], call) is not { } text || Text(arguments[1], call) is not { } search || !call.SpendSearch(text.Length, search.Length))
        {
            return Call.Spent;
        }
        if (text.Length == 0 && search.Length == 0)
        {
            return JsonValue.Of([]);
        }
        var parts = new List<JsonValue>();
        var from = 0;
        while (parts.Count < most)
        {
            var at = search.Length > 0 ? text.IndexOf(search, from, StringComparison.Ordinal) : from + Characters.Width(text, from);
            if (at < 0 || (search.Length == 0 && at == text.Length))
            {
                break;
            }
            if (!call.Spend())
            {
                return Call.Spent;
            }
            parts.Add(JsonValue.Of(text[from..at]));
            from = at + search.Length;
        }
        parts.Add(JsonValue.Of(text[from..]));
        return JsonValue.Of([.. parts]);
    }

    private static JsonValue Replace(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var most = int.MaxValue;
        if (arguments.Length > 3 && !TryCount(arguments[3], out most))
        {
            return Call.InvalidValue;
        }
        if (Text(arguments[0], call) is not { } text || Text(arguments[1], call) is not { } old || Text(arguments[2], call) is not { } with
            || !call.SpendSearch(text.Length, old.Length))
        {
            return Call.Spent;
        }
        var at = old.Length == 0 || most == 0 ? -1 : text.IndexOf(old, StringComparison.Ordinal);
        if (at < 0)
        {
            return arguments[0];
        }
        if (most == int.MaxValue)
        {
            return call.SpendText(text.AsSpan().Count(old) * (long)with.Length) ? JsonValue.Of(text.Replace(old, with, StringComparison.Ordinal)) : Call.Spent;
        }
        var made = new StringBuilder(text.Length + with.Length);
        var from = 0;
        for (; at >= 0 && most > 0; most--)
        {
            if (!call.SpendText(with.Length))
            {
                return Call.Spent;
            }
            made.Append(text, from, at - from).Append(with);
            from = at + old.Length;
            at = text.IndexOf(old, from, StringComparison.Ordinal);
        }
        return JsonValue.Of(made.Append(text, from, text.Length - from).ToString());
    }

    private static JsonValue Trim(ReadOnlySpan<JsonValue> arguments, Call call, bool left, bool right)
    {
        var characters = "";
        if (Text(arguments[0], call) is not { } text || (arguments.Length > 1 && (characters = Text(arguments[1], call)) is null))
        {
            return Call.Spent;
        }
        if (!call.SpendSearch(text.Length, characters.Length * 16L))
        {
            return Call.Spent;
        }
        var (start, end) = (0, text.Length);
        while (left && start < end && Goes(text.AsSpan(start, Characters.Width(text, start)), characters))
        {
            start += Characters.Width(text, start);
        }
        while (right && end > start)
        {
            var width = end - start > 1 && char.IsLowSurrogate(text[end - 1]) && char.IsHighSurrogate(text[end - 2]) ? 2 : 1;
            if (!Goes(text.AsSpan(end - width, width), characters))
            {
                break;
            }
            end -= width;
        }
        return start == 0 && end == text.Length ? arguments[0] : JsonValue.Of(text[start..end]);
    }

    private static bool Goes(ReadOnlySpan<char> character, string characters) => characters.Length > 0
        ? characters.AsSpan().IndexOf(character, StringComparison.Ordinal) >= 0
        : character.Length == 1 && char.IsWhiteSpace(character[0]);
}
