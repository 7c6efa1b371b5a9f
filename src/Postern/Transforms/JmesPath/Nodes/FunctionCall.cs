using System.Runtime.CompilerServices;
using Postern.Transforms.JmesPath.Functions;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Nodes;

/// <summary><c>name(a, b, &amp;c)</c></summary>
internal sealed class FunctionCall : Node
{
    private readonly Function function;
    private readonly Node[] arguments;
    private readonly Node? expression;

    /// <param name="function">The function.</param>
    /// <param name="arguments">As many as it takes.</param>
    public FunctionCall(Function function, Node[] arguments) : base(arguments)
    {
        (this.function, this.arguments) = (function, arguments);
        expression = arguments.OfType<Reference>().FirstOrDefault()?.To;
        IsConstant &= function.IsPure;
    }

    public override Types Gives => function.Gives;

    public override JsonValue Evaluate(in JsonValue current, Run run)
    {
        if (!run.Spend())
        {
            return Run.Spent;
        }
        var few = default(Few);
        Span<JsonValue> values = arguments.Length <= 4 ? few : new JsonValue[arguments.Length];
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] is Reference)
            {
                continue;
            }
            values[i] = arguments[i].Evaluate(current, run);
            if (values[i].IsError)
            {
                return values[i];
            }
        }
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] is not Reference && !function.Parameter(i).Takes(values[i], run))
            {
                return run.Evaluation.IsSpent ? Run.Spent : Call.InvalidType;
            }
        }
        return function.Body(values[..arguments.Length], new Call(run, expression));
    }

    public override Origin Trace(Origin current, Facts facts)
    {
        facts.UsesLocale |= function.UsesLocale?.Invoke(arguments) is true;
        foreach (var argument in arguments)
        {
            // An expression is evaluated for entries of another argument, never for what @ is here.
            facts.Use(argument, argument is Reference ? Origin.Other : current);
        }
        return Origin.Other;
    }

    [InlineArray(4)]
    private struct Few
    {
        private JsonValue first;
    }
}

/// <summary><c>&amp;a</c>: an expression as an argument, evaluated by the function.</summary>
internal sealed class Reference(Node to) : Node(to)
{
    public Node To => to;

    public override JsonValue Evaluate(in JsonValue current, Run run) => to.Evaluate(current, run);

    public override Origin Trace(Origin current, Facts facts) => to.Trace(current, facts);
}
