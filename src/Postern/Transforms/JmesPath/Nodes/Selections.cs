using Postern.Transforms.JmesPath.Functions;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Nodes;

/// <summary><c>{a: …, b: …}</c>: an object with these fields, each null where its expression is, or can't be worked out.</summary>
internal sealed class ObjectOf(string[] names, Node[] values) : Node(values)
{
    private readonly JsonFieldNames fields = new(names);

    public override Types Gives => Types.Object;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var made = new JsonValue[values.Length];
        for (var i = 0; i < made.Length; i++)
        {
            made[i] = run.Entry(values[i].Evaluate(current, run), names[i]);
            if (made[i].IsError)
            {
                return made[i];
            }
        }
        return run.Spend() ? JsonValue.Of(new JsonFields(fields, made)) : Run.Spent;
    }

    public override Written Write(in JsonValue current, Run run, JsonOutput output)
    {
        output.Write((byte)'{');
        for (var i = 0; i < values.Length; i++)
        {
            output.Write(fields.Written[i]);
            WriteEntry(values[i], current, run, output, names[i]);
        }
        output.Write((byte)'}');
        return Written.Value;
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        foreach (var value in values)
        {
            facts.Use(value, current);
        }
        return Origin.Other;
    }
}

/// <summary><c>[a, b]</c>: a list of these, each null where its expression is, or can't be worked out.</summary>
internal sealed class ListOf(Node[] values) : Node(values)
{
    public override Types Gives => Types.Array;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var made = new JsonValue[values.Length];
        for (var i = 0; i < made.Length; i++)
        {
            made[i] = run.Entry(values[i].Evaluate(current, run));
            if (made[i].IsError)
            {
                return made[i];
            }
        }
        return run.Spend() ? JsonValue.Of(made) : Run.Spent;
    }

    public override Written Write(in JsonValue current, Run run, JsonOutput output)
    {
        output.Write((byte)'[');
        for (var i = 0; i < values.Length; i++)
        {
            if (i > 0)
            {
                output.Write((byte)',');
            }
            WriteEntry(values[i], current, run, output);
        }
        output.Write((byte)']');
        return Written.Value;
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        foreach (var value in values)
        {
            facts.Use(value, current);
        }
        return Origin.Other;
    }
}
