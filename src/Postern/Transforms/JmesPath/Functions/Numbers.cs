using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Functions;

/// <summary>Functions of numbers.</summary>
internal static class Numbers
{
    public static readonly Function[] All =
    [
        new("abs(number) -> number", Abs),
        new("ceil(number) -> number", (a, _) => Rounded(a[0], up: true)),
        new("floor(number) -> number", (a, _) => Rounded(a[0], up: false)),
        new("sum(array[number]) -> number", Sum),
        new("avg(array[number]) -> number|null", Avg),
    ];

    private static readonly JsonValue Zero = JsonValue.Of(0m);

    private static JsonValue Abs(ReadOnlySpan<JsonValue> arguments, Call call) =>
        JsonNumbers.Compare(arguments[0], Zero) < 0 ? JsonNumbers.Work(Zero, Operator.Minus, arguments[0]) : arguments[0];

    private static JsonValue Rounded(in JsonValue number, bool up)
    {
        if (number.TryDecimal(out var exact))
        {
            return JsonValue.Of(up ? decimal.Ceiling(exact) : decimal.Floor(exact));
        }
        var near = number.AsDouble();
        return !double.IsFinite(near) ? JsonNumbers.NotANumber : JsonValue.Of(up ? Math.Ceiling(near) : Math.Floor(near));
    }

    private static JsonValue Sum(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var sum = Zero;
        foreach (var item in arguments[0].Items)
        {
            if (!call.SpendText(item.Length))
            {
                return Call.Spent;
            }
            sum = JsonNumbers.Work(sum, Operator.Plus, item);
        }
        return sum;
    }

    private static JsonValue Avg(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        if (arguments[0].Count == 0)
        {
            return JsonValue.Null;
        }
        var sum = Sum(arguments, call);
        return sum.IsError ? sum : JsonNumbers.Work(sum, Operator.Divide, JsonValue.Of((decimal)arguments[0].Count));
    }
}
