using Postern.Transforms.JmesPath.Functions;
using Postern.Transforms.JmesPath.Nodes;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Parsing;

/// <summary>What can be known of an expression's value before there is an answer.</summary>
internal static class Constants
{
    /// <summary>Whatever the answer says, nothing can be worked out with what is no number.</summary>
    public static void CheckNumber(Node operand, Token place)
    {
        if ((operand.Gives & Types.Number) == 0)
        {
            var fix = (operand.Gives & Types.Array) != 0 ? "of each entry: map(&(price * `2`), items), or sum(items[*].price)" : "texts are put together by join: join(' ', [a, b])";
            throw new Unreadable(place.Start, "what is no number, beside an operator of numbers,", fix) { Code = JsonNumbers.NotANumber.Why };
        }
    }

    /// <summary>Works out what is constant; what fails then would fail each time.</summary>
    public static Node Fold(Node node, Token place)
    {
        if (!node.IsConstant || node is Literal or Reference)
        {
            return node;
        }
        var run = new Run(JsonValue.Null, new Evaluation(null, MaxConstantWork), slots: 0, strict: true);
        var value = node.Evaluate(JsonValue.Null, run);
        return !value.IsError ? new Literal(value)
            : throw new Unreadable(place.Start, $"what is always an error ({value.Why}) begins", "it doesn't depend on any answer; correct it") { Code = value.Why };
    }

    /// <summary>Steps that working out what is constant may take.</summary>
    private const int MaxConstantWork = 10_000;
}
