using Postern.Config;
using Postern.Pipeline;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;

namespace Postern.Transforms.Shaping;

/// <summary>A value of the configuration with expressions for leaves: one expression, or a mapping or list of them.</summary>
internal sealed class Shape
{
    private readonly Expression expression;

    private Shape(Expression expression, IReadOnlyList<Leaf> leaves) => (this.expression, Leaves) = (expression, leaves);

    /// <summary>One of its expressions, and where it was written: in a file, or below a key in code.</summary>
    public readonly record struct Leaf(Expression Value, Origin? Origin, string Key);

    /// <summary>The expressions that it is made of.</summary>
    public IReadOnlyList<Leaf> Leaves { get; }

    /// <summary>Fields of the root that it reads.</summary>
    public IReadOnlySet<string> Roots => expression.Roots;

    /// <summary>Whether it reads the root other than by a field's name.</summary>
    public bool ReadsWholeRoot => expression.ReadsWholeRoot;

    /// <summary>Variables that it reads.</summary>
    public IReadOnlySet<string> Variables => expression.Variables;

    /// <summary>Whether it gives something else in another locale: an amount, a date.</summary>
    public bool UsesLocale => expression.UsesLocale;

    /// <summary>The route's <c>shape</c>; null where it has none, or where an error was told.</summary>
    public static Shape? Compile(RouteScope scope)
    {
        var options = scope.Options<ShapeSection>();
        if (options.Shape is not { } shape)
        {
            return null;
        }
        if (shape is { Text.Length: > 0, IsLiteral: true } or { Fields.Count: 0 } or { Items.Count: 0 })
        {
            Told(shape, scope.Check, options, "shape", $"every answer would be {shape.ToJson()}; write what it is made of: {{ name: user.name }}, or shape: off for the answer as it is");
            return null;
        }
        return Compile(shape, scope.Check, options, "shape");
    }

    /// <summary>Compiles a value; null where an error was told.</summary>
    public static Shape? Compile(Inline value, Check check, Options at, string key)
    {
        var leaves = new List<Leaf>();
        return Compile(value, check, at, key, depth: 1, leaves) is { } expression ? new Shape(expression, leaves) : null;
    }

    /// <summary>Writes the value for a root. What can't be worked out is null in the nearest field, and counted.</summary>
    public void Write(in JsonValue root, Evaluation evaluation, JsonOutput output) => expression.Write(root, evaluation, output);

    private static Expression? Compile(Inline value, Check check, Options at, string key, int depth, List<Leaf> found)
    {
        if (depth > JsonText.MaxDepth)
        {
            return Told(value, check, at, key, $"more than {JsonText.MaxDepth} levels within one another");
        }
        if (value is { Text: "", Quoted: false })
        {
            return Told(value, check, at, key, "an expression is needed, got nothing; write one, or null");
        }
        if (value.Text is { } text)
        {
            if (value.IsLiteral)
            {
                return Expression.Literal(JsonText.Fixed(value.ToJson()));
            }
            if (Expression.Parse(text, RequestVariables.Names, out var error) is not { } leaf)
            {
                return Told(value, check, at, key, error!.Message);
            }
            if (leaf.Doubt is { } doubt)
            {
                Tell(value, check, at, key, doubt, isWarning: true);
            }
            found.Add(new Leaf(leaf, value.Origin, key));
            return leaf;
        }
        var names = value.Fields?.Select(f => f.Key).ToArray();
        if (names is not null && names.GroupBy(n => n).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            return Told(value, check, at, key, $"the name '{twice.Key}' twice; leave one out, or call it otherwise");
        }
        var leaves = (value.Fields?.Select(f => Compile(f.Value, check, at, $"{key}.{f.Key}", depth + 1, found))
            ?? value.Items!.Select((item, i) => Compile(item, check, at, $"{key}[{i}]", depth + 1, found))).ToArray();
        if (leaves.Contains(null))
        {
            return null;
        }
        return names is not null ? Expression.Object(names, leaves!) : Expression.List(leaves!);
    }

    private static Expression? Told(Inline value, Check check, Options at, string key, string message)
    {
        Tell(value, check, at, key, message, isWarning: false);
        return null;
    }

    /// <summary>At the place of the very leaf, where that is known.</summary>
    private static void Tell(Inline value, Check check, Options at, string key, string message, bool isWarning)
    {
        switch (value.Origin, isWarning)
        {
            case ({ } origin, true):
                check.Warn(origin, message);
                break;
            case ({ } origin, false):
                check.Error(origin, message);
                break;
            case (null, true):
                check.Warn(at, key, message);
                break;
            default:
                check.Error(at, key, message);
                break;
        }
    }
}
