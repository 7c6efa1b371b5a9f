using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;
using Postern.Transforms.Shaping;
using Postern.Wire;

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
    private readonly Slot[] slots;
    // What sources' expressions read: the results, the route's parameters, the value of an `each`.
    private readonly JsonValue[] values;
    private readonly JsonValue root;
    private readonly List<IDisposable> kept = [];
    private readonly FieldList own = new();
    private ManualResetValueTaskSourceCore<bool> decided;
    private HttpContext context = null!;
    private Exchange exchange = null!;
    private RequestVariables? variables;
    private CallBounds bounds = null!;
    private TaskCompletionSource? drained;
    private int left, active;
    private bool closed;

    public Composition(CompositionPlan plan)
    {
        this.plan = plan;
        values = new JsonValue[plan.InputNames.Names.Length];
        root = JsonValue.Of(new JsonFields(plan.InputNames, values));
        slots = [.. plan.Sources.Select(s => new Slot(this, s))];
    }

    /// <summary>How the sources came out, once <see cref="RunAsync"/> is done.</summary>
    public SourceOutcomes Outcomes { get; } = new();

    /// <summary>What the request's expressions share; null where there are none.</summary>
    public Evaluation? Evaluation { get; private set; }

    /// <summary>The required source that failed, and why; null where none did.</summary>
    public (Source Source, SourceFailure Why)? Fatal { get; private set; }

    /// <summary>When it began, in ticks of the <see cref="Stopwatch"/>.</summary>
    public long Began { get; private set; }

    /// <summary>A source's result.</summary>
    public JsonValue this[int index] => values[index];

    /// <summary>Whether a source was left out.</summary>
    public bool IsOmitted(int index) => slots[index].Omitted;

    /// <summary>Runs the sources: done when all have come out, or one has failed without which there is no answer.</summary>
    /// <param name="of">The request.</param>
    /// <param name="its">What the gateway knows of it.</param>
    /// <param name="body">The client's body, where anything asks for it; it is disposed with the rest.</param>
    public ValueTask RunAsync(HttpContext of, Exchange its, JsonText? body)
    {
        (context, exchange, Began) = (of, its, Stopwatch.GetTimestamp());
        if (plan.Evaluates || plan.Shape is not null)
        {
            variables = new RequestVariables(of, its, plan.Parameters) { Body = body?.Root ?? JsonValue.Null };
            Evaluation = new Evaluation(variables) { Locale = plan.Locales.Pick(of) };
            for (var i = 0; i < plan.Parameters.Count; i++)
            {
                values[slots.Length + i] = variables.Parameter(plan.Parameters[i]);
            }
        }
        if (body is not null)
        {
            kept.Add(body);
        }
        OwnFields.Add(of, its, own);
        bounds = CallBounds.Start(plan.Timeout, plan.MaxBytes, its.ClientGone(of));
        (left, active, closed) = (slots.Length, plan.Roots.Length, false);
        decided.Reset();
        for (var i = 0; i < slots.Length; i++)
        {
            slots[i].Begin();
        }
        // Once decided this may be another request's: what is needed after that is taken before.
        var version = decided.Version;
        foreach (var index in plan.Roots)
        {
            Run(index);
        }
        return new ValueTask(this, version);
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
            bounds.Drop();
            await waiting;
        }
        var again = bounds is null || bounds.End();
        foreach (var one in kept)
        {
            one.Dispose();
        }
        kept.Clear();
        variables?.Dispose();
        own.Clear();
        Outcomes.Clear();
        (variables, Evaluation, Fatal, drained, bounds, context, exchange) = (null, null, null, null, null!, null!, null!);
        Array.Clear(values);
        return again;
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
        lock (gate)
        {
            failure = closed || bounds.Token.IsCancellationRequested ? Ended() : null;
            if (failure is null && source.When is { } when && !Holds(when))
            {
                slot.Omitted = true;
            }
            else if (failure is null && source.Each is null)
            {
                failure = Prepare(source, slot.Call);
            }
        }
        if (failure is not null || slot.Omitted)
        {
            Settle(index, new SourceResult { Failure = failure });
        }
        else
        {
            slot.Send(source.Each is null ? slot.Call.SendAsync(exchange, bounds) : new EachRun(this, source, slot.Call).RunAsync());
        }
    }

    /// <summary>Makes a call for one value of an <c>each</c> ready. Why it can't be made, where it can't.</summary>
    public SourceFailure? Prepare(Source source, SourceCall call, in JsonValue each)
    {
        lock (gate)
        {
            if (closed || bounds.Token.IsCancellationRequested)
            {
                return Ended();
            }
            values[^1] = each;
            return Prepare(source, call);
        }
    }

    /// <summary>Makes a call that is ready.</summary>
    public ValueTask<SourceResult> SendAsync(SourceCall call) => call.SendAsync(exchange, bounds);

    /// <summary>The values that a source is called for.</summary>
    public JsonValue Values(EachPlan each)
    {
        lock (gate)
        {
            return each.Values.Evaluate(root, Evaluation!);
        }
    }

    /// <summary>Has what an <c>each</c> brought disposed with the rest.</summary>
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
        }
        bounds.Drop();
        decided.SetResult(true);
    }

    /// <summary>Why no call is made any more.</summary>
    private SourceFailure Ended() => bounds.IsLate ? SourceFailure.Late("the route's timeout was over before it could begin") : SourceFailure.GivenUp;

    private bool Holds(Expression when)
    {
        var value = when.Evaluate(root, Evaluation!);
        if (value.IsError)
        {
            Evaluation!.GiveUp(value.Why);
        }
        return !value.IsError && value.IsTruthy;
    }

    /// <summary>Fills in what a call says. Why it can't be made, where it can't.</summary>
    private SourceFailure? Prepare(Source source, SourceCall call)
    {
        foreach (var need in source.BodyNeeds)
        {
            if (slots[need].Failure is not null && !plan.Sources[need].HasFallback)
            {
                return SourceFailure.Needs($"'{plan.Sources[need].Name}' failed, which its body is made of");
            }
        }
        var input = new CallInput(root, variables!, Evaluation!);
        if (!source.Target.TryFill(input, out var target, out var why))
        {
            return SourceFailure.Needs(why);
        }
        (call.Upstream, call.Grpc) = (source.Upstream, source.Grpc);
        call.Method = source.Method;
        call.Target = source.Forwarding.Query ? WithQuery(target!, exchange.Query) : target!;
        (call.Timeout, call.MaxBytes, call.Accept) = (source.Timeout, source.MaxBytes, source.Accept);
        (call.MayBeMissing, call.TellsChallenge) = (source.Missing is not null, source.Forwarding.Authorization);
        return FillFields(source, call.Fields, input) ?? FillBody(source, call);
    }

    private SourceFailure? FillFields(Source source, FieldList fields, in CallInput input)
    {
        fields.Clear();
        fields.Add("Accept", "application/json");
        source.Forwarding.Add(context, fields);
        foreach (ref readonly var field in own.Fields)
        {
            fields.Add(field.Name, field.Value);
        }
        plan.Rules.Request?.Apply(fields);
        if (source.Body is not null)
        {
            fields.Remove("Content-Type");
            fields.Add("Content-Type", "application/json");
        }
        foreach (var (name, template) in source.Headers)
        {
            if (!template.TryFill(input, out var value, out var why))
            {
                return SourceFailure.Needs($"header {name}: {why}");
            }
            fields.Remove(name);
            if (value is not null)
            {
                fields.Add(name, value);
            }
        }
        return null;
    }

    private SourceFailure? FillBody(Source source, SourceCall call)
    {
        call.Body = null;
        if (source.Body is null)
        {
            return null;
        }
        var output = new JsonOutput((int)Math.Min(plan.MaxBytes, int.MaxValue));
        kept.Add(output);
        source.Body.Write(root, Evaluation!, output);
        call.Body = output.WrittenMemory;
        return output.IsFull || Evaluation!.IsSpent ? SourceFailure.TooLarge("what would be sent takes more than may be") : null;
    }

    /// <summary>The source's own query first, then the client's.</summary>
    internal static string WithQuery(string target, string query) =>
        query.Length <= 1 ? target : target.Contains('?') ? string.Concat(target, "&", query.AsSpan(1)) : target + query;

    /// <summary>A source has come out. Behind the line that tells of the end nothing here may be touched: it may be another request's.</summary>
    private void Settle(int index, SourceResult result)
    {
        var (source, slot, ending) = (plan.Sources[index], slots[index], bounds);
        var (tell, drop, ready) = (false, false, 0UL);
        TaskCompletionSource? last = null;
        lock (gate)
        {
            (slot.Failure, slot.Ticks) = (result.Failure, result.Ticks);
            if (result.Text is { } text)
            {
                kept.Add(text);
            }
            values[index] = result.Value ?? (result.Failure is not null ? source.Fallback : result.IsMissing ? source.Missing!.Value : JsonValue.Null);
            left--;
            if (!closed)
            {
                drop = result.Failure is { IsGivenUp: false } && source.Required;
                Fatal = drop ? (source, result.Failure!) : null;
                closed = tell = drop || left == 0;
                ready = tell ? 0 : Ready(source);
                active += System.Numerics.BitOperations.PopCount(ready);
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
            Run(System.Numerics.BitOperations.TrailingZeroCount(ready));
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

    /// <summary>Notes how every source came out.</summary>
    public void Tell()
    {
        foreach (var slot in slots)
        {
            if (slot.Omitted)
            {
                slot.Source.Metrics.Count("omitted");
                continue;
            }
            Outcomes.Add(slot.Source.Name, slot.Failure, slot.Ticks);
            slot.Source.Metrics.Count(slot.Failure, slot.Ticks);
        }
    }

    /// <summary>One source in one request.</summary>
    private sealed class Slot
    {
        private readonly Composition owner;
        private readonly Action received;
        private ValueTaskAwaiter<SourceResult> call;

        public Slot(Composition owner, Source source)
        {
            (this.owner, Source) = (owner, source);
            received = Receive;
        }

        public Source Source { get; }

        public SourceCall Call { get; } = new();

        public SourceFailure? Failure { get; set; }

        public bool Omitted { get; set; }

        public long Ticks { get; set; }

        /// <summary>How many sources it still waits for.</summary>
        public int Waits { get; set; }

        public void Begin() => (Failure, Omitted, Ticks, Waits) = (null, false, 0, Source.Needs.Length);

        public void Send(ValueTask<SourceResult> sent)
        {
            call = sent.GetAwaiter();
            if (call.IsCompleted)
            {
                Receive();
            }
            else
            {
                call.UnsafeOnCompleted(received);
            }
        }

        private void Receive()
        {
            var result = call.GetResult();
            call = default;
            owner.Settle(Source.Index, result);
        }
    }
}
