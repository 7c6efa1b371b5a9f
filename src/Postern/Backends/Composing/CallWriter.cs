using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;
using Postern.Transforms.Shaping;
using Postern.Wire;

namespace Postern.Backends.Composing;

/// <summary>What the calls of one request say, and what their expressions read. Not for two threads at once.</summary>
internal sealed class CallWriter
{
    private readonly CompositionPlan plan;
    // The results, the route's parameters, the value of an `each`.
    private readonly JsonValue[] values;
    private readonly JsonValue root;
    private readonly List<JsonOutput> bodies = [];
    private readonly FieldList own = new();
    private HttpContext context = null!;
    private Exchange exchange = null!;
    private RequestVariables? variables;

    public CallWriter(CompositionPlan plan)
    {
        this.plan = plan;
        values = new JsonValue[plan.InputNames.Names.Length];
        root = JsonValue.Of(new JsonFields(plan.InputNames, values));
    }

    /// <summary>What the request's expressions share; null where there are none.</summary>
    public Evaluation? Evaluation { get; private set; }

    /// <summary>A source's result.</summary>
    public JsonValue this[int index] { get => values[index]; set => values[index] = value; }

    /// <summary>The value that <c>each</c> stands for.</summary>
    public JsonValue Each { set => values[^1] = value; }

    /// <summary>A request begins.</summary>
    /// <param name="of">The request.</param>
    /// <param name="its">What the gateway knows of it.</param>
    /// <param name="body">The client's body, where anything asks for it.</param>
    public void Begin(HttpContext of, Exchange its, JsonText? body)
    {
        (context, exchange) = (of, its);
        OwnFields.Add(of, its, own);
        if (plan.Evaluates || plan.Shape is not null)
        {
            variables = new RequestVariables(of, its, plan.Parameters) { Body = body?.Root ?? JsonValue.Null };
            Evaluation = new Evaluation(variables) { Locale = plan.Locales.Pick(of) };
            for (var i = 0; i < plan.Parameters.Count; i++)
            {
                values[plan.Sources.Length + i] = variables.Parameter(plan.Parameters[i]);
            }
        }
    }

    /// <summary>It has ended: everything goes back.</summary>
    public void End()
    {
        foreach (var body in bodies)
        {
            body.Dispose();
        }
        bodies.Clear();
        variables?.Dispose();
        own.Clear();
        (variables, Evaluation, context, exchange) = (null, null, null!, null!);
        Array.Clear(values);
    }

    /// <summary>The value of an expression.</summary>
    public JsonValue Evaluate(Expression expression) => expression.Evaluate(root, Evaluation!);

    /// <summary>Fills in a call of a source. Why it can't be made, where it can't.</summary>
    public SourceFailure? Fill(Source source, SourceCall call)
    {
        var input = new CallInput(root, variables!, Evaluation!);
        if (!source.Target.TryFill(input, out var target, out var why))
        {
            return SourceFailure.Needs(why);
        }
        (call.Upstream, call.Grpc, call.Method) = (source.Upstream, source.Grpc, source.Method);
        call.Target = source.Forwarding.Query ? WithQuery(target!, exchange.Query) : target!;
        (call.Timeout, call.MaxBytes, call.Accept) = (source.Timeout, source.MaxBytes, source.Accept);
        (call.MayBeMissing, call.TellsChallenge) = (source.Missing is not null, source.Forwarding.Authorization);
        var failure = FillFields(source, call.Fields, input) ?? FillBody(source, call);
        return failure is null && Evaluation is { IsSpent: true } ? SourceFailure.TooLarge("its expressions take more work than may be") : failure;
    }

    /// <summary>The source's own query first, then the client's.</summary>
    public static string WithQuery(string target, string query) =>
        query.Length <= 1 ? target : target.Contains('?') ? string.Concat(target, "&", query.AsSpan(1)) : target + query;

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
        bodies.Add(output);
        source.Body.Write(root, Evaluation!, output);
        call.Body = output.WrittenMemory;
        return output.IsFull ? SourceFailure.TooLarge("what would be sent has more than maxBytes") : null;
    }
}
