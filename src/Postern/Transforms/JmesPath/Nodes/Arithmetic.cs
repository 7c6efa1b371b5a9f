using Postern.Transforms.JmesPath.Functions;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Nodes;

/// <summary><c>a + b</c>, <c>a - b</c>, <c>a * b</c>, <c>a / b</c>, <c>a % b</c>, <c>a // b</c></summary>
internal sealed class Arithmetic(Node left, Node right, Operator by) : Node(left, right)
{
    public override Types Gives => Types.Number;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var first = left.Evaluate(current, run);
        if (first.IsError)
        {
            return first;
        }
        var second = right.Evaluate(current, run);
        if (second.IsError)
        {
            return second;
        }
        return run.SpendText(first.Length + second.Length) ? JsonNumbers.Work(first, by, second) : Run.Spent;
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        facts.Use(left, current);
        facts.Use(right, current);
        return Origin.Other;
    }
}

/// <summary><c>-a</c>, <c>+a</c></summary>
internal sealed class Signed(Node of, bool negative) : Node(of)
{
    private static readonly JsonValue Zero = JsonValue.Of(0m);

    public override Types Gives => Types.Number;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var value = of.Evaluate(current, run);
        if (value.IsError)
        {
            return value;
        }
        if (!negative)
        {
            return value.Kind == JsonKind.Number ? value : JsonNumbers.NotANumber;
        }
        return run.SpendText(value.Length) ? JsonNumbers.Work(Zero, Operator.Minus, value) : Run.Spent;
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        facts.Use(of, current);
        return Origin.Other;
    }
}
