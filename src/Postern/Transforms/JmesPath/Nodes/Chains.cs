using Postern.Transforms.JmesPath.Functions;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Nodes;

/// <summary><c>a.[…]</c>, <c>a.f(@)</c>: the right of the left, and null where the left is.</summary>
internal sealed class Within(Node left, Node right) : Node(left, right)
{
    public override Types Gives => right.Gives | Types.Null;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var value = left.Evaluate(current, run);
        return value.IsNull || value.IsError ? value : right.Evaluate(value, run);
    }

    public override Written Write(in JsonValue current, Run run, JsonOutput output)
    {
        var value = left.Evaluate(current, run);
        return value.IsNull || value.IsError ? WriteValue(value, run, output) : right.Write(value, run, output);
    }

    public override Origin Trace(Origin current, Facts facts) => right.Trace(left.Trace(current, facts), facts);
}

/// <summary><c>a | b</c>: the right of the left, whatever that is.</summary>
internal sealed class Pipe(Node left, Node right) : Node(left, right)
{
    public override Types Gives => right.Gives;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var value = left.Evaluate(current, run);
        return value.IsError ? value : right.Evaluate(value, run);
    }

    public override Written Write(in JsonValue current, Run run, JsonOutput output)
    {
        var value = left.Evaluate(current, run);
        return value.IsError ? run.Fail(value.Why) : right.Write(value, run, output);
    }

    public override Origin Trace(Origin current, Facts facts) => right.Trace(left.Trace(current, facts), facts);
}

/// <summary><c>a || b</c></summary>
internal sealed class Or(Node left, Node right) : Node(left, right)
{
    public override Types Gives => left.Gives | right.Gives;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var value = left.Evaluate(current, run);
        return value.IsError || value.IsTruthy ? value : right.Evaluate(current, run);
    }

    public override Written Write(in JsonValue current, Run run, JsonOutput output)
    {
        var value = left.Evaluate(current, run);
        return value.IsError || value.IsTruthy ? WriteValue(value, run, output) : right.Write(current, run, output);
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        facts.Use(left, current);
        return right.Trace(current, facts);
    }
}

/// <summary><c>a &amp;&amp; b</c></summary>
internal sealed class And(Node left, Node right) : Node(left, right)
{
    public override Types Gives => left.Gives | right.Gives;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var value = left.Evaluate(current, run);
        return value.IsError || !value.IsTruthy ? value : right.Evaluate(current, run);
    }

    public override Written Write(in JsonValue current, Run run, JsonOutput output)
    {
        var value = left.Evaluate(current, run);
        return value.IsError || !value.IsTruthy ? WriteValue(value, run, output) : right.Write(current, run, output);
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        facts.Use(left, current);
        return right.Trace(current, facts);
    }
}

/// <summary><c>!a</c></summary>
internal sealed class Not(Node of) : Node(of)
{
    public override Types Gives => Types.Boolean;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var value = of.Evaluate(current, run);
        return value.IsError ? value : JsonValue.Of(!value.IsTruthy);
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        facts.Use(of, current);
        return Origin.Other;
    }
}

/// <summary><c>a ? b : c</c></summary>
internal sealed class Choice(Node condition, Node yes, Node no) : Node(condition, yes, no)
{
    public override Types Gives => yes.Gives | no.Gives;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var value = condition.Evaluate(current, run);
        return value.IsError ? value : (value.IsTruthy ? yes : no).Evaluate(current, run);
    }

    public override Written Write(in JsonValue current, Run run, JsonOutput output)
    {
        var value = condition.Evaluate(current, run);
        return value.IsError ? run.Fail(value.Why) : (value.IsTruthy ? yes : no).Write(current, run, output);
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        facts.Use(condition, current);
        var (left, right) = (yes.Trace(current, facts), no.Trace(current, facts));
        if (left == right)
        {
            return left;
        }
        facts.Use(Origin.Root);
        return Origin.Other;
    }
}
