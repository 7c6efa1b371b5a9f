using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Functions;

/// <summary>Functions of objects.</summary>
internal static class Objects
{
    public static readonly Function[] All =
    [
        new("keys(object) -> array", Keys),
        new("values(object) -> array", Values),
        new("items(object) -> array", Items),
        new("from_items(array[array]) -> object", FromItems),
        new("merge(object, object...) -> object", Merge),
        new("group_by(array[object], &any) -> object", GroupBy),
    ];

    private static JsonValue Keys(ReadOnlySpan<JsonValue> arguments, Call call) => List(arguments[0], call, static (name, _) => name);

    private static JsonValue Values(ReadOnlySpan<JsonValue> arguments, Call call) => List(arguments[0], call, static (_, value) => value);

    private static JsonValue Items(ReadOnlySpan<JsonValue> arguments, Call call) =>
        List(arguments[0], call, static (name, value) => JsonValue.Of([name, value]));

    private static JsonValue List(in JsonValue value, Call call, Func<JsonValue, JsonValue, JsonValue> entry)
    {
        if (!call.Spend(value.Count))
        {
            return Call.Spent;
        }
        var entries = new JsonValue[value.Count];
        var count = 0;
        foreach (var field in value.Fields)
        {
            entries[count++] = entry(field.Name, field.Value);
        }
        return JsonValue.Of(entries);
    }

    private static JsonValue FromItems(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var made = new Made();
        foreach (var pair in arguments[0].Items)
        {
            if (pair.Count != 2 || pair.Item(0).Kind != JsonKind.String)
            {
                return Call.InvalidValue;
            }
            if (!call.Spend() || Texts.Text(pair.Item(0), call) is not { } name)
            {
                return Call.Spent;
            }
            made.Set(name, pair.Item(1));
        }
        return made.Object;
    }

    private static JsonValue Merge(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var made = new Made();
        foreach (var argument in arguments)
        {
            foreach (var field in argument.Fields)
            {
                if (!call.Spend() || Texts.Text(field.Name, call) is not { } name)
                {
                    return Call.Spent;
                }
                made.Set(name, field.Value);
            }
        }
        return made.Object;
    }

    private static JsonValue GroupBy(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var groups = new Dictionary<string, List<JsonValue>>(StringComparer.Ordinal);
        var made = new Made();
        foreach (var item in arguments[0].Items)
        {
            var key = call.Apply(item);
            if (key.IsNull)
            {
                continue;
            }
            if (key.Kind != JsonKind.String)
            {
                return key.IsError ? key : Call.InvalidType;
            }
            if (Texts.Text(key, call) is not { } name)
            {
                return Call.Spent;
            }
            if (!groups.TryGetValue(name, out var group))
            {
                groups[name] = group = [];
                made.Set(name, JsonValue.Null);
            }
            group.Add(item);
        }
        foreach (var (name, group) in groups)
        {
            made.Set(name, JsonValue.Of([.. group]));
        }
        return made.Object;
    }

    /// <summary>An object while it is put together: each name once, where it came first, with the value that came last.</summary>
    private sealed class Made
    {
        private readonly Dictionary<string, int> places = new(StringComparer.Ordinal);
        private readonly List<JsonValue> values = [];

        public JsonValue Object => JsonValue.Of(new JsonFields(new JsonFieldNames([.. places.Keys]), [.. values]));

        public void Set(string name, in JsonValue value)
        {
            if (places.TryGetValue(name, out var place))
            {
                values[place] = value;
                return;
            }
            places[name] = values.Count;
            values.Add(value);
        }
    }
}
