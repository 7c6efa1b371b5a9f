using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Functions;

/// <summary>Functions of lists.</summary>
internal static class Lists
{
    public static readonly Function[] All =
    [
        new("length(string|array|object) -> number", Length),
        new("reverse(string|array) -> string|array", Reverse),
        new("map(&any, array) -> array", Map),
        new("zip(array, array...) -> array", Zip),
        new("not_null(any, any...)", NotNull),
    ];

    private static JsonValue Length(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var value = arguments[0];
        if (value.Kind != JsonKind.String)
        {
            return JsonValue.Of((double)value.Count);
        }
        if (!call.SpendText(value.Length))
        {
            return Call.Spent;
        }
        return JsonValue.Of((double)(value.TryPlain(out var utf8) ? Characters.Count(utf8) : Characters.Count(value.AsString())));
    }

    private static JsonValue Reverse(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var value = arguments[0];
        if (value.Kind == JsonKind.String)
        {
            if (Texts.Text(value, call) is not { } text || !call.Spend(text.Length / 4))
            {
                return Call.Spent;
            }
            var turned = text.ToCharArray();
            Array.Reverse(turned);
            for (var i = 0; i + 1 < turned.Length; i++)
            {
                if (char.IsLowSurrogate(turned[i]) && char.IsHighSurrogate(turned[i + 1]))
                {
                    (turned[i], turned[i + 1]) = (turned[i + 1], turned[i]);
                    i++;
                }
            }
            return JsonValue.Of(new string(turned));
        }
        if (!call.Spend(value.Count))
        {
            return Call.Spent;
        }
        var items = new JsonValue[value.Count];
        var at = items.Length;
        foreach (var item in value.Items)
        {
            items[--at] = item;
        }
        return JsonValue.Of(items);
    }

    private static JsonValue Map(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var items = new JsonValue[arguments[1].Count];
        var count = 0;
        foreach (var item in arguments[1].Items)
        {
            var made = call.Apply(item);
            if (made.IsError)
            {
                return made;
            }
            items[count++] = made;
        }
        return JsonValue.Of(items);
    }

    private static JsonValue Zip(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var count = int.MaxValue;
        foreach (var list in arguments)
        {
            count = Math.Min(count, list.Count);
        }
        if (!call.Spend((long)count * arguments.Length))
        {
            return Call.Spent;
        }
        var rows = new JsonValue[count][];
        for (var i = 0; i < count; i++)
        {
            rows[i] = new JsonValue[arguments.Length];
        }
        for (var column = 0; column < arguments.Length; column++)
        {
            var row = 0;
            foreach (var item in arguments[column].Items)
            {
                if (row == count)
                {
                    break;
                }
                rows[row++][column] = item;
            }
        }
        var zipped = new JsonValue[count];
        for (var i = 0; i < count; i++)
        {
            zipped[i] = JsonValue.Of(rows[i]);
        }
        return JsonValue.Of(zipped);
    }

    private static JsonValue NotNull(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        foreach (var argument in arguments)
        {
            if (!argument.IsNull)
            {
                return argument;
            }
        }
        return JsonValue.Null;
    }
}
