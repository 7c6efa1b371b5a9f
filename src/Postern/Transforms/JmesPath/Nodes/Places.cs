using System.Text;
using Postern.Transforms.JmesPath.Functions;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Nodes;

/// <summary><c>@</c></summary>
internal sealed class Current : Node
{
    public static readonly Current Instance = new();

    public override JsonValue Evaluate(in JsonValue current, Run run) => current;

    public override Origin Trace(Origin current, Facts facts) => current;
}

/// <summary><c>$</c></summary>
internal sealed class Root : Node
{
    public override JsonValue Evaluate(in JsonValue current, Run run) => run.Root;

    public override Origin Trace(Origin current, Facts facts) => Origin.Root;
}

/// <summary>A value that stands in the expression.</summary>
internal sealed class Literal : Node
{
    public Literal(in JsonValue value) => (Value, IsConstant) = (value, true);

    public JsonValue Value { get; }

    public override Types Gives => Parameter.Of(Value.Kind);

    public override JsonValue Evaluate(in JsonValue current, Run run) => Value;

    public override Origin Trace(Origin current, Facts facts) => Origin.Other;
}

/// <summary>A name as objects are asked for it.</summary>
internal sealed class Name(string text)
{
    private readonly byte[] utf8 = Encoding.UTF8.GetBytes(text);
    private readonly int fingerprint = JsonNames.Fingerprint(Encoding.UTF8.GetBytes(text), escaped: false);

    public string Text => text;

    public JsonValue Of(in JsonValue value) => value.Field(utf8, fingerprint);
}

/// <summary><c>a.b.c</c>: names, each within the one before.</summary>
internal sealed class FieldPath(Node from, Name[] names) : Node(from)
{
    /// <summary>Names that are compared for one step.</summary>
    private const int Compared = 16;

    /// <summary>Each within the one before.</summary>
    public Name[] Names => names;

    /// <summary>The path that goes on from this one.</summary>
    public FieldPath Then(FieldPath other) => new(from, [.. names, .. other.Names]);

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var value = from is Current ? current : from.Evaluate(current, run);
        foreach (var name in names)
        {
            if (value.Kind != JsonKind.Object)
            {
                return value.IsError ? value : JsonValue.Null;
            }
            if (!run.Spend(1 + value.Count / Compared))
            {
                return Run.Spent;
            }
            value = name.Of(value);
        }
        return value;
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        if (from.Trace(current, facts) == Origin.Root)
        {
            facts.Roots.Add(names[0].Text);
        }
        return Origin.Other;
    }
}

/// <summary><c>a[0]</c>, <c>a[-1]</c></summary>
internal sealed class ItemAt(Node from, int index) : Node(from)
{
    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var list = from.Evaluate(current, run);
        if (list.Kind != JsonKind.Array)
        {
            return list.IsError ? list : JsonValue.Null;
        }
        var at = index < 0 ? list.Count + (long)index : index;
        if (at < 0 || at >= list.Count)
        {
            return JsonValue.Null;
        }
        return run.Spend(1 + at / 16) ? list.Item((int)at) : Run.Spent;
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        facts.Use(from, current);
        return Origin.Other;
    }
}

/// <summary><c>$name</c>, bound by the expression.</summary>
internal sealed class Bound(int slot) : Node
{
    public override JsonValue Evaluate(in JsonValue current, Run run) => run[slot];

    public override Origin Trace(Origin current, Facts facts) => facts[slot];
}

/// <summary><c>$name</c> of the request.</summary>
internal sealed class Variable(string name) : Node
{
    public override JsonValue Evaluate(in JsonValue current, Run run) => run.Spend() ? run.Evaluation.Variable(name) : Run.Spent;

    public override Origin Trace(Origin current, Facts facts)
    {
        facts.Variables.Add(name);
        return Origin.Other;
    }
}

/// <summary><c>let $a = …, $b = … in …</c></summary>
internal sealed class Let : Node
{
    private readonly int[] slots;
    private readonly Node[] values;
    private readonly Node body;

    public Let(int[] slots, Node[] values, Node body) : base([.. values, body])
    {
        (this.slots, this.values, this.body) = (slots, values, body);
        // It needs somewhere to put what it binds, even where its body asks for none of that.
        IsConstant = false;
    }

    public override Types Gives => body.Gives;

    public override JsonValue Evaluate(in JsonValue current, Run run) =>
        Bind(current, run) is { IsError: true } wrong ? wrong : body.Evaluate(current, run);

    public override Written Write(in JsonValue current, Run run, JsonOutput output) =>
        Bind(current, run) is { IsError: true } wrong ? run.Fail(wrong.Why) : body.Write(current, run, output);

    public override Origin Trace(Origin current, Facts facts)
    {
        for (var i = 0; i < slots.Length; i++)
        {
            facts[slots[i]] = values[i].Trace(current, facts);
        }
        return body.Trace(current, facts);
    }

    /// <summary>Each has a slot of its own, so none sees what another binds, and none is in the way of what it hides.</summary>
    private JsonValue Bind(in JsonValue current, Run run)
    {
        for (var i = 0; i < slots.Length; i++)
        {
            var value = values[i].Evaluate(current, run);
            if (value.IsError)
            {
                return value;
            }
            run[slots[i]] = value;
        }
        return JsonValue.Null;
    }
}
