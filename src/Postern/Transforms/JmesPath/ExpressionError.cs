namespace Postern.Transforms.JmesPath;

/// <summary>Why a text is no expression.</summary>
/// <param name="Position">The character at which it goes wrong, from 0.</param>
/// <param name="Message">What is wrong, at which character (from 1), and the fix: all that a user is told.</param>
internal sealed record ExpressionError(int Position, string Message)
{
    /// <summary>What the language calls it: <c>syntax</c>, <c>unknown-function</c>, <c>invalid-arity</c>, <c>invalid-type</c>.</summary>
    public string Code { get; init; } = "syntax";
}
