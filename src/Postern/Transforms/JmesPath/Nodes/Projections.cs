using Postern.Transforms.JmesPath.Functions;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Nodes;

/// <summary>An expression for each entry of something; an entry for which it is null is left out.</summary>
internal abstract class Projection(Node from, Node each, Node? condition = null) : Node(condition is null ? [from, each] : [from, each, condition])
{
    /// <summary>Steps that an entry costs: the more is to be done with it, the more.</summary>
    private readonly int cost = 1 + (each.Size + (condition?.Size ?? 0)) / 4;

    public override Types Gives => Types.Array | Types.Null;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        var source = from.Evaluate(current, run);
        if (!Fits(source))
        {
            return Unfit(source, run);
        }
        var into = new Collected(run);
        Go(source, ref into);
        return into.Value;
    }

    public override Written Write(in JsonValue current, Run run, JsonOutput output)
    {
        var source = from.Evaluate(current, run);
        if (!Fits(source))
        {
            return WriteValue(Unfit(source, run), run, output);
        }
        output.Write((byte)'[');
        var into = new Collected(run, output);
        Go(source, ref into);
        output.Write((byte)']');
        return into.Value is { IsError: true } wrong ? run.Fail(wrong.Why) : Written.Value;
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        facts.Use(from, current);
        facts.Use(each, Origin.Other);
        if (condition is not null)
        {
            facts.Use(condition, Origin.Other);
        }
        return Origin.Other;
    }

    /// <summary>What is worked out for each entry.</summary>
    protected Node Each => each;

    /// <summary>Whether it has entries.</summary>
    protected virtual bool Fits(in JsonValue source) => source.Kind == JsonKind.Array;

    /// <summary>What comes of something that has none.</summary>
    protected virtual JsonValue Unfit(in JsonValue source, Run run) => source.IsError ? source : JsonValue.Null;

    /// <summary>What comes of something else, once.</summary>
    protected JsonValue Once(in JsonValue value, Run run) => each.Evaluate(value, run);

    /// <summary>Takes each entry.</summary>
    protected abstract void Go(in JsonValue source, ref Collected into);

    /// <summary>Takes one entry; false where that was the last.</summary>
    protected bool Take(in JsonValue entry, ref Collected into)
    {
        if (!into.Run.Spend(cost))
        {
            return into.Stop(Run.Spent);
        }
        if (condition is not null)
        {
            var holds = condition.Evaluate(entry, into.Run);
            if (holds.IsError || !holds.IsTruthy)
            {
                return !holds.IsError || into.Stop(holds);
            }
        }
        return into.Add(each, entry);
    }

    /// <summary>Where entries go: a list, or the answer.</summary>
    protected struct Collected(Run run, JsonOutput? output = null)
    {
        private JsonValue[] items = [];
        private int count;
        private JsonValue error;

        public Run Run => run;

        public readonly JsonValue Value => error.IsError ? error : JsonValue.Of(items, count);

        public bool Stop(in JsonValue why)
        {
            error = why;
            return false;
        }

        public bool Add(Node each, in JsonValue entry)
        {
            if (output is not null)
            {
                return Write(each, entry, output);
            }
            var value = each.Evaluate(entry, run);
            if (value.IsError)
            {
                return Stop(value);
            }
            if (!value.IsNull)
            {
                if (count == items.Length)
                {
                    Array.Resize(ref items, Math.Max(8, count * 2));
                }
                items[count++] = value;
            }
            return true;
        }

        private bool Write(Node each, in JsonValue entry, JsonOutput into)
        {
            var start = into.Length;
            if (count > 0)
            {
                into.Write((byte)',');
            }
            switch (each.Write(entry, run, into))
            {
                case Written.Null:
                    into.Truncate(start);
                    break;
                case Written.Failed:
                    return Stop(JsonValue.Error(run.Why));
                default:
                    count++;
                    break;
            }
            return !into.IsFull;
        }
    }
}

/// <summary><c>a[*]</c>, <c>a[?b]</c></summary>
internal sealed class ItemsOf(Node from, Node each, Node? condition = null) : Projection(from, each, condition)
{
    protected override void Go(in JsonValue source, ref Collected into)
    {
        foreach (var item in source.Items)
        {
            if (!Take(item, ref into))
            {
                return;
            }
        }
    }
}

/// <summary><c>a[]</c>: lists within the list count as their entries.</summary>
internal sealed class Flattened(Node from, Node each) : Projection(from, each)
{
    protected override void Go(in JsonValue source, ref Collected into)
    {
        foreach (var item in source.Items)
        {
            if (item.Kind != JsonKind.Array)
            {
                if (!Take(item, ref into))
                {
                    return;
                }
                continue;
            }
            // An empty list is work too.
            if (!into.Run.Spend() && !into.Stop(Run.Spent))
            {
                return;
            }
            foreach (var inner in item.Items)
            {
                if (!Take(inner, ref into))
                {
                    return;
                }
            }
        }
    }
}

/// <summary><c>a.*</c></summary>
internal sealed class ValuesOf(Node from, Node each) : Projection(from, each)
{
    protected override bool Fits(in JsonValue source) => source.Kind == JsonKind.Object;

    protected override void Go(in JsonValue source, ref Collected into)
    {
        foreach (var field in source.Fields)
        {
            if (!Take(field.Value, ref into))
            {
                return;
            }
        }
    }
}

/// <summary><c>a[1:5:2]</c>, of a list or, by characters, of a text.</summary>
internal sealed class Slice(Node from, Bounds bounds, Node each) : Projection(from, each)
{
    public override Types Gives => base.Gives | (Each is Current ? Types.String : Each.Gives);

    protected override JsonValue Unfit(in JsonValue source, Run run)
    {
        if (source.Kind != JsonKind.String)
        {
            return base.Unfit(source, run);
        }
        var text = source.AsString()!;
        return run.SpendText(text.Length) ? Once(JsonValue.Of(bounds.Of(text)), run) : Run.Spent;
    }

    protected override void Go(in JsonValue source, ref Collected into)
    {
        var (start, stop, step) = bounds.Of(source.Count);
        if (!into.Run.Spend(Math.Max(start, stop) / 16))
        {
            into.Stop(Run.Spent);
            return;
        }
        if (step > 0)
        {
            var at = 0L;
            foreach (var item in source.Items)
            {
                if (at >= stop || (at >= start && (at - start) % step == 0 && !Take(item, ref into)))
                {
                    return;
                }
                at++;
            }
            return;
        }
        // Lists are gone over forwards only.
        var items = new JsonValue[Math.Max(0, start + 1)];
        var count = 0;
        foreach (var item in source.Items)
        {
            if (count == items.Length)
            {
                break;
            }
            items[count++] = item;
        }
        for (var at = start; at > stop && Take(items[at], ref into); at += step)
        {
        }
    }
}
