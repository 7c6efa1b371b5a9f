using Postern.Transforms.JmesPath.Nodes;
using Postern.Transforms.JmesPath.Parsing;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath;

/// <summary>An expression of JMESPath (community edition), compiled once and evaluated without a copy of what it reads.</summary>
internal sealed class Expression
{
    /// <summary>Expressions within one another, or in a row.</summary>
    public const int MaxDepth = 200;

    /// <summary>Characters of an expression.</summary>
    public const int MaxLength = 16 * 1024;

    private readonly Node node;
    private readonly int slots;
    private readonly Facts facts;

    private Expression(Node node, int slots, string? text = null)
    {
        (this.node, this.slots, facts, Text) = (node, slots, new Facts(slots), text);
        facts.Use(node, Origin.Root);
    }

    /// <summary>As it was written; null where it was put together.</summary>
    public string? Text { get; }

    /// <summary>Names of fields of the root that it reads: <c>user</c> in <c>user.name</c>.</summary>
    public IReadOnlySet<string> Roots => facts.Roots;

    /// <summary>Whether it reads the root other than by a field's name: <c>@</c>, <c>*</c>, <c>keys(@)</c>.</summary>
    public bool ReadsWholeRoot => facts.ReadsWholeRoot;

    /// <summary>Variables it reads and doesn't bind itself: <c>query</c> in <c>$query.page</c>.</summary>
    public IReadOnlySet<string> Variables => facts.Variables;

    /// <summary>Whether it gives something else in another locale: an amount, a date.</summary>
    public bool UsesLocale => facts.UsesLocale;

    /// <summary>What in it hardly means what it says, and where; null where nothing is. It is for whoever wrote it.</summary>
    public string? Doubt { get; private init; }

    /// <summary>Reads an expression; or says what is wrong with it, and where.</summary>
    public static Expression? Parse(string text, out ExpressionError? error) => Parse(text, null, out error);

    /// <summary>The same, where only these variables are known that it doesn't bind itself.</summary>
    public static Expression? Parse(string text, IReadOnlyCollection<string>? variables, out ExpressionError? error)
    {
        error = null;
        if (text.Length > MaxLength)
        {
            error = new ExpressionError(MaxLength, $"{text.Length} characters are too many for one expression; at most {MaxLength}");
            return null;
        }
        try
        {
            var (node, slots, doubt) = Parser.Parse(text, variables);
            return new Expression(node, slots, text) { Doubt = doubt };
        }
        catch (Unreadable wrong)
        {
            error = wrong.In(text);
            return null;
        }
    }

    /// <summary>A value as an expression.</summary>
    public static Expression Literal(in JsonValue value) => new(new Literal(value), 0);

    /// <summary>An object with these fields; null where their expressions can't be worked out.</summary>
    public static Expression Object(string[] names, Expression[] values) => new(new ObjectOf(names, [.. values.Select(v => v.node)]), Slots(values));

    /// <summary>A list of these; null where they can't be worked out.</summary>
    public static Expression List(Expression[] values) => new(new ListOf([.. values.Select(v => v.node)]), Slots(values));

    /// <summary>Its value, an error too where it has none.</summary>
    public JsonValue Evaluate(in JsonValue root, Evaluation evaluation) => node.Evaluate(root, new Run(root, evaluation, slots, strict: true));

    /// <summary>Writes its value. What can't be worked out is null in the nearest field, and counted.</summary>
    public void Write(in JsonValue root, Evaluation evaluation, JsonOutput output)
    {
        var run = new Run(root, evaluation, slots, strict: false);
        var start = output.Length;
        var written = node.Write(root, run, output);
        if (written == Written.Value)
        {
            return;
        }
        output.Truncate(start);
        output.Write("null"u8);
        if (written == Written.Failed)
        {
            run.GiveUp();
        }
    }

    /// <summary>Those of one are done with before another's are needed.</summary>
    private static int Slots(Expression[] values) => values.Length == 0 ? 0 : values.Max(v => v.slots);
}
