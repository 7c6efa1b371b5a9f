using Postern.Transforms.JmesPath.Functions;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Nodes;

/// <summary><c>a == b</c>, <c>a != b</c></summary>
internal sealed class Equality(Node left, Node right, bool equal) : Node(left, right)
{
    public override Types Gives => Types.Boolean;

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
        var same = Equal.Are(first, second, run);
        return run.Evaluation.IsSpent ? Run.Spent : JsonValue.Of(same == equal);
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        facts.Use(left, current);
        facts.Use(right, current);
        return Origin.Other;
    }
}

/// <summary><c>a &lt; b</c> and the like: of numbers; null of anything else.</summary>
internal sealed class Ordering(Node left, Node right, bool less, bool orEqual) : Node(left, right)
{
    public override Types Gives => Types.Boolean | Types.Null;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var first = left.Evaluate(current, run);
        if (first.IsError)
        {
            return first;
        }
        var second = right.Evaluate(current, run);
        if (second.IsError || first.Kind != JsonKind.Number || second.Kind != JsonKind.Number)
        {
            return second.IsError ? second : JsonValue.Null;
        }
        if (!run.SpendText(first.Length + second.Length))
        {
            return Run.Spent;
        }
        var order = JsonNumbers.Compare(first, second);
        return JsonValue.Of(order == 0 ? orEqual : order < 0 == less);
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        facts.Use(left, current);
        facts.Use(right, current);
        return Origin.Other;
    }
}

/// <summary>Whether two values say the same: numbers by what they are, objects whatever the order of their names.</summary>
internal static class Equal
{
    public static bool Are(in JsonValue a, in JsonValue b, Run run)
    {
        if (!run.Spend() || a.Kind != b.Kind)
        {
            return false;
        }
        return a.Kind switch
        {
            JsonKind.Number => run.SpendText(a.Length + b.Length) && JsonNumbers.Compare(a, b) == 0,
            JsonKind.String => Texts(a, b, run),
            JsonKind.Array => a.Count == b.Count && Lists(a, b, run),
            JsonKind.Object => a.Count == b.Count && Objects(a, b, run),
            _ => true,
        };
    }

    private static bool Texts(in JsonValue a, in JsonValue b, Run run)
    {
        if (a.TryPlain(out var first) && b.TryPlain(out var second))
        {
            return first.Length == second.Length && run.SpendText(first.Length) && first.SequenceEqual(second);
        }
        var (left, right) = (a.AsString()!, b.AsString()!);
        return run.SpendText(left.Length + right.Length) && left == right;
    }

    private static bool Lists(in JsonValue a, in JsonValue b, Run run)
    {
        var others = b.Items.GetEnumerator();
        foreach (var item in a.Items)
        {
            if (!others.MoveNext() || !Are(item, others.Current, run))
            {
                return false;
            }
        }
        return true;
    }

    private static bool Objects(in JsonValue a, in JsonValue b, Run run)
    {
        foreach (var field in a.Fields)
        {
            if (!run.Spend(1 + b.Count / 16) || !b.TryField(field.Name, out var other) || !Are(field.Value, other, run))
            {
                return false;
            }
        }
        return true;
    }
}
