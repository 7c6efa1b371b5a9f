using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath;

/// <summary>An expression of JMESPath (community edition), compiled once and evaluated without a copy of what it reads.</summary>
internal sealed class Expression
{
    private Expression() { }

    /// <summary>Names of fields of the root that it reads: <c>user</c> in <c>user.name</c>.</summary>
    public IReadOnlySet<string> Roots { get; private init; } = new HashSet<string>();

    /// <summary>Whether it reads the root other than by a field's name: <c>@</c>, <c>*</c>, <c>keys(@)</c>.</summary>
    public bool ReadsWholeRoot { get; private init; }

    /// <summary>Variables it reads and doesn't bind itself: <c>query</c> in <c>$query.page</c>.</summary>
    public IReadOnlySet<string> Variables { get; private init; } = new HashSet<string>();

    /// <summary>Reads an expression; or says what is wrong with it, and where.</summary>
    public static Expression? Parse(string text, out ExpressionError? error) => throw new NotImplementedException();

    /// <summary>Its value, an error too where it has none.</summary>
    public JsonValue Evaluate(in JsonValue root, Evaluation evaluation) => throw new NotImplementedException();

    /// <summary>Writes its value. What can't be worked out is null in the nearest field, and counted.</summary>
    public void Write(in JsonValue root, Evaluation evaluation, JsonOutput output) => throw new NotImplementedException();
}

/// <summary>Why a text is no expression.</summary>
/// <param name="Position">The character at which it goes wrong, from 0.</param>
/// <param name="Message">What is wrong, and the fix.</param>
internal sealed record ExpressionError(int Position, string Message);
