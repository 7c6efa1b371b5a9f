using System.Diagnostics;
using System.Numerics;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;

namespace Postern.Backends.Composing;

/// <summary>
/// The sources of one request. What waits for nobody begins at once, everything else in the moment in which the last result that
/// it needs is there, on the thread that brought it. Results come on many threads: all that is shared is touched under one lock,
/// calls are made and the end is told outside it. Kept for the route's next request.
/// </summary>
internal sealed class Composition : IValueTaskSource
{
    private readonly CompositionPlan plan;
    private readonly Lock gate = new();
    private readonly SourceSlot[] slots;
    private readonly CallWriter writer;
    private readonly List<JsonText> kept = [];
    private ManualResetValueTaskSourceCore<bool> decided;
    private Exchange exchange = null!;
    private CallBounds? bounds;
    private TaskCompletionSource? drained;
    // Sources that have not come out yet, and those of them that have begun.
    private int left, active;
    private bool closed;

    public Composition(CompositionPlan plan)
    {
        this.plan = plan;
        writer = new CallWriter(plan);
        slots = [.. plan.Sources.Select(s => new SourceSlot(s, Settle))];
    }

    /// <summary>How the sources came out, once <see cref="Tell"/> has said it.</summary>
    public SourceOutcomes Outcomes { get; } = new();

    /// <summary>What the request's expressions share; null where there are none.</summary>
    public Evaluation? Evaluation => writer.Evaluation;

    /// <summary>The required source that failed, and why; null where none did.</summary>
    public (Source Source, SourceFailure Why)? Fatal { get; private set; }

    /// <summary>When it began, in ticks of the <see cref="Stopwatch"/>.</summary>
    public long Began { get; private set; }

    /// <summary>A source's result.</summary>
    public JsonValue this[int index] => writer[index];

    /// <summary>Whether a source was left out.</summary>
    public bool IsOmitted(int index) => slots[index].Omitted;

    /// <summary>Runs the sources: done when all have come out, or one has failed without which there is no answer.</summary>
    /// <param name="context">The request.</param>
    /// <param name="its">What the gateway knows of it.</param>
    /// <param name="body">The client's body, where anything asks for it; it is disposed with the rest.</param>
    public ValueTask RunAsync(HttpContext context, Exchange its, JsonText? body)
    {
        (exchange, Began) = (its, Stopwatch.GetTimestamp());
        Keep(body);
        writer.Begin(context, its, body);
        bounds = CallBounds.Start(plan.Timeout, plan.MaxBytes, its.ClientGone(context));
        (left, active, closed) = (slots.Length, plan.Roots.Length, false);
        decided.Reset();
        foreach (var slot in slots)
        {
            slot.Begin();
        }
        foreach (var index in plan.Roots)
        {
            Run(index);
        }
        return new ValueTask(this, decided.Version);
    }

    /// <summary>Notes how every source came out. One that was given up for another's sake has no fault of its own.</summary>
    public void Tell()
    {
        lock (gate)
        {
            foreach (var slot in slots)
            {
                if (slot.Omitted || !slot.Settled || slot.Failure is { IsGivenUp: true })
                {
                    slot.Source.Metrics.Count(slot.Omitted ? "omitted" : SourceFailure.GivenUp.Reason);
                    continue;
                }
                Outcomes.Add(slot.Source.Name, slot.Failure, slot.Ticks);
                slot.Source.Metrics.Count(slot.Failure, slot.Ticks);
            }
        }
    }

    /// <summary>Ends what is still under way and gives everything back; says whether this can serve another request.</summary>
    public async ValueTask<bool> EndAsync()
    {
        Task? waiting = null;
        lock (gate)
        {
            closed = true;
            if (active > 0)
            {
                waiting = (drained = new TaskCompletionSource()).Task;
            }
        }
        if (waiting is not null)
        {
            bounds!.Drop();
            await waiting;
        }
        var again = bounds is null || bounds.End();
        foreach (var text in kept)
        {
            text.Dispose();
        }
        kept.Clear();
        writer.End();
        Outcomes.Clear();
        (Fatal, drained, bounds, exchange) = (null, null, null, null!);
        return again;
    }

    /// <summary>Makes a call for one value of an <c>each</c> ready. Why it can't be made, where it can't.</summary>
    public SourceFailure? Prepare(Source source, SourceCall call, in JsonValue each)
    {
        lock (gate)
        {
            writer.Each = each;
            return Prepare(source, call);
        }
    }

    /// <summary>Makes a call that is ready.</summary>
    public ValueTask<SourceResult> SendAsync(SourceCall call) => call.SendAsync(exchange, bounds!);

    /// <summary>The values that a source is called for.</summary>
    public JsonValue Values(EachPlan each)
    {
        lock (gate)
        {
            return writer.Evaluate(each.Values);
        }
    }

    /// <summary>Has what was brought disposed at the end.</summary>
    public void Keep(JsonText? text)
    {
        if (text is not null)
        {
            lock (gate)
            {
                kept.Add(text);
            }
        }
    }

    /// <summary>One call of several has failed; where the source is required, so has the answer.</summary>
    public void Fail(Source source, SourceFailure failure)
    {
        lock (gate)
        {
            if (closed || !source.Required || failure.IsGivenUp)
            {
                return;
            }
            closed = true;
            Fatal = (source, failure);
            slots[source.Index].Settle(failure, Stopwatch.GetTimestamp() - Began);
        }
        bounds!.Drop();
        decided.SetResult(true);
    }

    void IValueTaskSource.GetResult(short token) => decided.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => decided.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        decided.OnCompleted(continuation, state, token, flags);

    /// <summary>A source begins; it counts as active already.</summary>
    private void Run(int index)
    {
        var (slot, source) = (slots[index], plan.Sources[index]);
        SourceFailure? failure;
        try
        {
            lock (gate)
            {
                failure = Ended();
                if (failure is null && source.When is { } when)
                {
                    var value = writer.Evaluate(when);
                    failure = value.IsError ? SourceFailure.Needs($"'when' can't be worked out: {value.Why}") : null;
                    slot.Omitted = failure is null && !value.IsTruthy;
                }
                if (failure is null && !slot.Omitted && source.Each is null)
                {
                    failure = Prepare(source, slot.Call);
                }
            }
        }
        catch (Exception e) // A fault of the gateway's own; the request must not wait for ever.
        {
            failure = SourceFailure.Fault(e);
        }
        if (failure is not null || slot.Omitted)
        {
            Settle(index, new SourceResult { Failure = failure });
        }
        else
        {
            slot.Await(source.Each is null ? SendAsync(slot.Call) : new EachRun(this, source, slot.Call).RunAsync());
        }
    }

    /// <summary>Why no call is made any more; null where one is.</summary>
    private SourceFailure? Ended() =>
        bounds!.IsLate ? SourceFailure.Late("the route's timeout was over before it could begin")
            : closed || bounds.Token.IsCancellationRequested ? SourceFailure.GivenUp : null;

    private SourceFailure? Prepare(Source source, SourceCall call)
    {
        foreach (var need in source.BodyNeeds)
        {
            if (slots[need].Failure is not null && !plan.Sources[need].HasFallback)
            {
                return SourceFailure.Needs($"'{plan.Sources[need].Name}' failed, which its body is made of");
            }
        }
        return Ended() ?? writer.Fill(source, call);
    }

    /// <summary>A source has come out. Behind the line that tells of the end nothing here may be touched: it may be another request's.</summary>
    private void Settle(int index, SourceResult result)
    {
        var (source, ending) = (plan.Sources[index], bounds!);
        var (tell, drop, ready) = (false, false, 0UL);
        TaskCompletionSource? last = null;
        lock (gate)
        {
            slots[index].Settle(result.Failure, result.Ticks);
            if (result.Text is { } text)
            {
                kept.Add(text);
            }
            writer[index] = result.Value ?? (result.Failure is not null ? source.Fallback : result.IsMissing ? source.Missing!.Value : JsonValue.Null);
            left--;
            if (!closed)
            {
                drop = result.Failure is { IsGivenUp: false } && source.Required;
                Fatal = drop ? (source, result.Failure!) : null;
                closed = tell = drop || left == 0;
                ready = tell ? 0 : Ready(source);
                active += BitOperations.PopCount(ready);
            }
            active--;
            last = active == 0 ? drained : null;
        }
        if (drop)
        {
            ending.Drop();
        }
        for (; ready != 0; ready &= ready - 1)
        {
            Run(BitOperations.TrailingZeroCount(ready));
        }
        if (tell)
        {
            decided.SetResult(true);
        }
        last?.TrySetResult();
    }

    /// <summary>Those that waited for this source alone; there are at most 50.</summary>
    private ulong Ready(Source source)
    {
        var ready = 0UL;
        foreach (var dependent in source.Dependents)
        {
            if (--slots[dependent].Waits == 0)
            {
                ready |= 1UL << dependent;
            }
        }
        return ready;
    }
}
