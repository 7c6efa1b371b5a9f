using Postern.Transforms.JmesPath.Nodes;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Functions;

/// <summary>What a function may ask for while it is called.</summary>
internal readonly ref struct Call(Run run, Node? expression)
{
    /// <summary>An argument is of the right type, but not one that the function knows to work with.</summary>
    public static readonly JsonValue InvalidValue = JsonValue.Error("invalid-value");

    /// <summary>A value isn't of the type that is needed.</summary>
    public static readonly JsonValue InvalidType = JsonValue.Error("invalid-type");

    /// <summary>The work that a request may do is used up.</summary>
    public static JsonValue Spent => Run.Spent;

    /// <summary>What the request's expressions share: its locale, its time.</summary>
    public Evaluation Evaluation => run.Evaluation;

    /// <summary>Takes note of work, before it is done; false once there has been too much: then <see cref="Spent"/> is the answer.</summary>
    public bool Spend(long steps = 1) => run.Spend(steps);

    /// <summary>The same for a text of that length that is read or made.</summary>
    public bool SpendText(long length) => run.SpendText(length);

    /// <summary>The same for a text of that length in which another is looked for.</summary>
    public bool SpendSearch(long length, long part) => run.SpendSearch(length, part);

    /// <summary>The argument that is an expression, of a value.</summary>
    public JsonValue Apply(in JsonValue value) => run.Spend(1 + expression!.Size / 4) ? expression.Evaluate(value, run) : Spent;

    /// <summary>Whether two values say the same.</summary>
    public bool AreEqual(in JsonValue a, in JsonValue b) => Equal.Are(a, b, run);

    /// <summary>Whether the work is used up.</summary>
    public bool IsSpent => run.Evaluation.IsSpent;
}
