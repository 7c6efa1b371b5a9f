using System.Diagnostics;
using Postern.Transforms.Json;

namespace Postern.Backends.Composing;

/// <summary>
/// What the results become: an object with them by name in the order written, trimmed, shaped, and with what says how whole it is.
/// Results are written as the bytes they came as.
/// </summary>
internal readonly struct ComposedAnswer(CompositionPlan plan, Composition composition)
{
    /// <summary>Writes the answer; says why there is none, or null.</summary>
    public string? Write(JsonOutput output)
    {
        if ((plan.Trimmer is null ? WriteWhole(output) : WriteTrimmed(output)) is { } problem)
        {
            return problem;
        }
        if (composition.Evaluation is { IsSpent: true })
        {
            return "the expressions take more work than may be";
        }
        if (plan.Meta is not null)
        {
            AddMeta(output, plan.Meta);
        }
        return output.IsFull ? "the answer has more bytes than twice maxBytes" : null;
    }

    private string? WriteWhole(JsonOutput output)
    {
        if (plan.Shape is null)
        {
            WriteMerged(output);
        }
        else
        {
            plan.Shape.Write(Merged(), composition.Evaluation!, output);
        }
        return null;
    }

    /// <summary>What is dropped is gone for the shape too.</summary>
    private string? WriteTrimmed(JsonOutput output)
    {
        var most = (int)Math.Min(plan.MaxBytes * 2, int.MaxValue);
        using var merged = new JsonOutput(most);
        WriteMerged(merged);
        if (plan.Shape is null)
        {
            return plan.Trimmer!.Write(merged.Written, output);
        }
        using var trimmed = new JsonOutput(most);
        if (plan.Trimmer!.Write(merged.Written, trimmed) is { } problem || !JsonText.TryRead(trimmed.WrittenMemory, out var text, out problem))
        {
            return problem;
        }
        using (text)
        {
            plan.Shape.Write(text.Root, composition.Evaluation!, output);
        }
        return null;
    }

    private void WriteMerged(JsonOutput output)
    {
        output.Write((byte)'{');
        for (int i = 0, written = 0; i < plan.Sources.Length; i++)
        {
            if (composition.IsOmitted(i))
            {
                continue;
            }
            var name = plan.Names.Written[i].AsSpan();
            // The first of all has no comma in front, and may have been left out.
            output.Write(written++ == 0 && i > 0 ? name[1..] : name);
            composition[i].Write(output);
        }
        output.Write((byte)'}');
    }

    private JsonValue Merged()
    {
        var names = new List<string>();
        var values = new List<JsonValue>();
        for (var i = 0; i < plan.Sources.Length; i++)
        {
            if (!composition.IsOmitted(i))
            {
                names.Add(plan.Sources[i].Name);
                values.Add(composition[i]);
            }
        }
        return JsonValue.Of(new JsonFields(names.Count == plan.Sources.Length ? plan.Names : new JsonFieldNames([.. names]), [.. values]));
    }

    /// <summary>Into the object at its end. What is no object has no place for it.</summary>
    private void AddMeta(JsonOutput output, byte[] name)
    {
        if (output.Length < 2 || output.Written[0] != '{')
        {
            return;
        }
        output.Truncate(output.Length - 1);
        if (output.Length > 1)
        {
            output.Write((byte)',');
        }
        output.Write(name);
        composition.Outcomes.WriteMeta(output, (long)Stopwatch.GetElapsedTime(composition.Began).TotalMilliseconds);
        output.Write((byte)'}');
    }
}
