using System.Diagnostics;
using System.Text;
using Postern.Transforms.Json;

namespace Postern.Backends.Composing;

/// <summary>
/// A source with <c>each</c> in one request: a call for every different value of a list, or one for all of them, and the results
/// joined in the order of the list.
/// </summary>
internal sealed class EachRun(Composition composition, Source source, SourceCall first)
{
    /// <summary>Bytes of an entry that is compared with others by its JSON.</summary>
    private const int MaxItem = 16 * 1024;

    private readonly EachPlan plan = source.Each!;
    private readonly List<JsonValue> distinct = [];
    private readonly Dictionary<string, int> places = new(StringComparer.Ordinal);
    // Of every entry of the list, which of the different values it is; -1 where no call is made for it.
    private int[] entries = [];
    private JsonValue[] results = [];
    private int next = -1;
    private SourceFailure? failure;
    private volatile bool anyGood;

    public async ValueTask<SourceResult> RunAsync()
    {
        var began = Stopwatch.GetTimestamp();
        var list = composition.Values(plan);
        if (list.Kind != JsonKind.Array)
        {
            return new SourceResult { Failure = SourceFailure.Needs(list.IsError ? $"'each' can't be worked out: {list.Why}" : "'each' gives no list") };
        }
        Sort(list);
        results = new JsonValue[distinct.Count];
        var result = plan.Batch ? await BatchAsync() : await AllAsync();
        return result with { Ticks = distinct.Count == 0 ? 0 : Stopwatch.GetTimestamp() - began };
    }

    /// <summary>Finds the different values, and which entries they stand for.</summary>
    private void Sort(in JsonValue list)
    {
        entries = new int[list.Count];
        var at = 0;
        foreach (var item in list.Items)
        {
            entries[at++] = item.IsNull ? -1 : Place(item);
        }
    }

    private int Place(in JsonValue item)
    {
        if ((PlainValue.Of(item) ?? JsonOf(item)) is not { } text)
        {
            failure ??= SourceFailure.Needs("'each' gives a list with a value that is too large");
            return -1;
        }
        if (places.TryGetValue(text, out var place))
        {
            return place;
        }
        if (distinct.Count == plan.Limit)
        {
            failure ??= new SourceFailure("limit", $"'each' gives more than {plan.Limit} different values", Pipeline.Failure.SourceFailed);
            return -1;
        }
        places.Add(text, distinct.Count);
        distinct.Add(item);
        return distinct.Count - 1;
    }

    /// <summary>What is no plain value differs from another by its JSON, and from a text that reads the same. Null where that is too long.</summary>
    private static string? JsonOf(in JsonValue item)
    {
        using var output = new JsonOutput(MaxItem);
        output.Write((byte)0);
        item.WriteCompact(output);
        return output.IsFull ? null : Encoding.UTF8.GetString(output.Written);
    }

    private async ValueTask<SourceResult> AllAsync()
    {
        if (failure is not null)
        {
            composition.Fail(source, failure);
        }
        var lanes = new Task[Math.Min(plan.Concurrency, distinct.Count)];
        for (var i = 0; i < lanes.Length; i++)
        {
            lanes[i] = RunLaneAsync(i == 0 ? first : new SourceCall());
        }
        await Task.WhenAll(lanes);
        // A list of nothing but nulls is no better than what stands in for the source.
        return new SourceResult { Value = failure is not null && !anyGood && source.HasFallback ? null : Joined(), Failure = failure };
    }

    /// <summary>One call after the other, until none is left.</summary>
    private async Task RunLaneAsync(SourceCall call)
    {
        while (Interlocked.Increment(ref next) is var at && at < distinct.Count)
        {
            var problem = composition.Prepare(source, call, distinct[at]);
            if (problem is null)
            {
                var result = await composition.SendAsync(call);
                composition.Keep(result.Text);
                results[at] = result.Value ?? (result.IsMissing ? source.Missing!.Value : JsonValue.Null);
                problem = result.Failure;
            }
            if (problem is null)
            {
                anyGood = true; // Only ever set: lanes run side by side, and none may take another's word back.
            }
            else
            {
                Interlocked.CompareExchange(ref failure, problem, null);
                composition.Fail(source, problem);
            }
        }
    }

    private async ValueTask<SourceResult> BatchAsync()
    {
        if (distinct.Count == 0)
        {
            return new SourceResult { Value = Joined(), Failure = failure };
        }
        if (composition.Prepare(source, first, JsonValue.Of([.. distinct])) is { } problem)
        {
            return new SourceResult { Failure = problem };
        }
        var result = await composition.SendAsync(first);
        if (result.Value is not { } value || plan.By is not { } by)
        {
            return result.Failure is null && failure is not null ? result with { Failure = failure } : result;
        }
        if (ListOf(value) is not { } answers)
        {
            composition.Keep(result.Text);
            return new SourceResult { Failure = SourceFailure.Invalid($"its answer has no list to be put in order by '{by}'") };
        }
        foreach (var answer in answers.Items)
        {
            if (PlainValue.Of(answer.Field(by)) is { } key && places.TryGetValue(key, out var place))
            {
                results[place] = answer;
            }
        }
        return result with { Value = Joined(), Failure = failure };
    }

    /// <summary>The answer itself, or the only list in it: <c>{ "products": […] }</c>.</summary>
    private static JsonValue? ListOf(in JsonValue answer)
    {
        if (answer.Kind == JsonKind.Array)
        {
            return answer;
        }
        JsonValue? found = null;
        foreach (var field in answer.Fields)
        {
            if (field.Value.Kind == JsonKind.Array)
            {
                if (found is not null)
                {
                    return null;
                }
                found = field.Value;
            }
        }
        return found;
    }

    private JsonValue Joined()
    {
        var joined = new JsonValue[entries.Length];
        for (var i = 0; i < joined.Length; i++)
        {
            joined[i] = entries[i] < 0 ? JsonValue.Null : results[entries[i]];
        }
        return JsonValue.Of(joined);
    }
}
