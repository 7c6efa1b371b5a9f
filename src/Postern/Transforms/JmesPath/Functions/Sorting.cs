using System.Numerics;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Functions;

/// <summary>Functions that ask which of some numbers, or of some texts, comes first.</summary>
internal static class Sorting
{
    public static readonly Function[] All =
    [
        new("sort(array[number]|array[string]) -> array", (a, call) => Sort(a[0], call, byExpression: false)),
        new("sort_by(array, &any) -> array", (a, call) => Sort(a[0], call, byExpression: true)),
        new("min(array[number]|array[string]) -> number|string|null", (a, call) => Outermost(a[0], call, byExpression: false, sign: -1)),
        new("max(array[number]|array[string]) -> number|string|null", (a, call) => Outermost(a[0], call, byExpression: false, sign: 1)),
        new("min_by(array, &any)", (a, call) => Outermost(a[0], call, byExpression: true, sign: -1)),
        new("max_by(array, &any)", (a, call) => Outermost(a[0], call, byExpression: true, sign: 1)),
    ];

    private static JsonValue Sort(in JsonValue list, Call call, bool byExpression)
    {
        var keys = new Key[list.Count];
        if (Read(list, call, byExpression, keys, BitOperations.Log2((uint)keys.Length + 1) + 1) is { IsError: true } wrong)
        {
            return wrong;
        }
        // Equal ones stay in their order.
        Array.Sort(keys, static (a, b) => Key.Compare(a, b) is var order and not 0 ? order : a.Index.CompareTo(b.Index));
        var sorted = new JsonValue[keys.Length];
        for (var i = 0; i < sorted.Length; i++)
        {
            sorted[i] = keys[i].Item;
        }
        return JsonValue.Of(sorted);
    }

    private static JsonValue Outermost(in JsonValue list, Call call, bool byExpression, int sign)
    {
        var keys = new Key[list.Count];
        if (Read(list, call, byExpression, keys, rounds: 1) is { IsError: true } wrong)
        {
            return wrong;
        }
        var best = 0;
        for (var i = 1; i < keys.Length; i++)
        {
            if (Key.Compare(keys[i], keys[best]) * sign > 0)
            {
                best = i;
            }
        }
        return keys.Length == 0 ? JsonValue.Null : keys[best].Item;
    }

    /// <summary>What each entry is compared by: all numbers, or all texts.</summary>
    private static JsonValue Read(in JsonValue list, Call call, bool byExpression, Key[] keys, int rounds)
    {
        var count = 0;
        foreach (var item in list.Items)
        {
            var value = byExpression ? call.Apply(item) : item;
            if (value.IsError)
            {
                return value;
            }
            if (value.Kind is not (JsonKind.Number or JsonKind.String) || (count > 0 && value.Kind != keys[0].Kind))
            {
                return Call.InvalidType;
            }
            if (!call.Spend(rounds * (1L + value.Length / 16)))
            {
                return Call.Spent;
            }
            keys[count] = new Key(item, value, count);
            count++;
        }
        return JsonValue.Null;
    }

    private readonly struct Key
    {
        private readonly JsonValue value;
        private readonly string? text;
        private readonly decimal number;
        private readonly bool isExact;

        public Key(in JsonValue item, in JsonValue value, int index)
        {
            (Item, Index, this.value, text) = (item, index, value, value.AsString());
            isExact = value.TryDecimal(out number);
        }

        public JsonValue Item { get; }

        public int Index { get; }

        public JsonKind Kind => value.Kind;

        public static int Compare(in Key a, in Key b) => a.text is not null ? Characters.Compare(a.text, b.text!)
            : a.isExact && b.isExact ? a.number.CompareTo(b.number)
            : JsonNumbers.Compare(a.value, b.value);
    }
}
