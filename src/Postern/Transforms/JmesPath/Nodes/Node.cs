using Postern.Transforms.JmesPath.Functions;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Nodes;

/// <summary>
/// One operation of a compiled expression. It never throws while it is evaluated: what can't be worked out is a value of kind
/// <see cref="JsonKind.Error"/>, which every other node passes on.
/// </summary>
internal abstract class Node
{
    /// <summary>Bytes that are copied for one step.</summary>
    private const int Copied = 64;

    protected Node(params ReadOnlySpan<Node> parts)
    {
        IsConstant = parts.Length > 0;
        foreach (var part in parts)
        {
            Depth = Math.Max(Depth, part.Depth);
            Size += part.Size;
            IsConstant &= part.IsConstant;
        }
        Depth++;
        Size++;
    }

    /// <summary>Nodes within one another, this one counted.</summary>
    public int Depth { get; }

    /// <summary>Nodes altogether, this one counted.</summary>
    public int Size { get; }

    /// <summary>Whether it depends on nothing, so that it can be worked out beforehand.</summary>
    public bool IsConstant { get; protected init; }

    /// <summary>What its value can be, as far as that is known beforehand; errors aside.</summary>
    public virtual Types Gives => Types.Any;

    /// <summary>Its value.</summary>
    /// <param name="current">What <c>@</c> is.</param>
    /// <param name="run">What one evaluation shares.</param>
    public abstract JsonValue Evaluate(in JsonValue current, Run run);

    /// <summary>Writes its value, without putting it together first where it can. What it has written by then is the caller's to
    /// take back, unless it is a value.</summary>
    public virtual Written Write(in JsonValue current, Run run, JsonOutput output)
    {
        var value = Evaluate(current, run);
        return WriteValue(value, run, output);
    }

    /// <summary>Takes note of what it reads.</summary>
    /// <param name="current">What <c>@</c> is.</param>
    /// <param name="facts">Where notes go.</param>
    /// <returns>What its value is.</returns>
    public abstract Origin Trace(Origin current, Facts facts);

    protected static Written WriteValue(in JsonValue value, Run run, JsonOutput output)
    {
        switch (value.Kind)
        {
            case JsonKind.Null:
                return Written.Null;
            case JsonKind.Error:
                return run.Fail(value.Why);
            default:
                var start = output.Length;
                value.Write(output);
                // What is written may be taken back, so the bound of the output alone bounds nothing.
                return run.Spend((output.Length - start) / Copied) ? Written.Value : run.Fail(Run.Spent.Why);
        }
    }

    /// <summary>Writes one entry of what must have it: null where it is, or couldn't be worked out.</summary>
    protected static void WriteEntry(Node node, in JsonValue current, Run run, JsonOutput output, string? field = null)
    {
        var start = output.Length;
        var written = node.Write(current, run, output);
        if (written == Written.Value)
        {
            return;
        }
        output.Truncate(start);
        output.Write("null"u8);
        if (written == Written.Failed)
        {
            run.GiveUp(field);
        }
    }
}

/// <summary>What came of writing.</summary>
internal enum Written : byte
{
    Value,
    Null,
    Failed,
}

/// <summary>What is known of a value before there is any.</summary>
internal enum Origin : byte
{
    /// <summary>The root itself.</summary>
    Root,

    /// <summary>Something else; what it reads of the root is noted already.</summary>
    Other,
}
