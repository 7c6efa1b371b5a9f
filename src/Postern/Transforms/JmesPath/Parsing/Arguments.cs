using Postern.Config;
using Postern.Transforms.JmesPath.Functions;
using Postern.Transforms.JmesPath.Nodes;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Parsing;

/// <summary>Checks what can be known of a call before there is an answer: the function, how many arguments, the types of constant ones.</summary>
internal static class Arguments
{
    /// <summary>The call, if it can be right.</summary>
    /// <exception cref="Unreadable">It can't.</exception>
    public static FunctionCall Check(Token name, Node[] arguments, List<Token> places)
    {
        var function = FunctionTable.Find(name.Text) ?? throw Unknown(name);
        if (arguments.Length < function.Least || arguments.Length > function.Most)
        {
            throw new Unreadable(name.Start, $"{name.Text}() with {Counted(arguments.Length)}", $"it is {function.Signature}") { Code = "invalid-arity" };
        }
        var run = new Run(JsonValue.Null, new Evaluation(null), slots: 0, strict: true);
        for (var i = 0; i < arguments.Length; i++)
        {
            var parameter = function.Parameter(i);
            if (parameter.IsExpression != arguments[i] is Reference)
            {
                throw new Unreadable(places[i].Start, parameter.IsExpression ? $"{name.Text}() takes an expression here" : $"{name.Text}() takes a value here, not an expression",
                    parameter.IsExpression ? "put & before it: &a.b" : $"leave & out; it is {function.Signature}") { Code = "invalid-type" };
            }
            if (arguments[i] is Literal literal ? !parameter.Takes(literal.Value, run) : !parameter.IsExpression && !parameter.CanTake(arguments[i].Gives))
            {
                throw new Unreadable(places[i].Start, $"{name.Text}() takes {parameter.Text.Replace("|", " or ", StringComparison.Ordinal)}, not {Told(arguments[i])}",
                    $"it is {function.Signature}") { Code = "invalid-type" };
            }
            if (arguments[i] is Literal known && function.Mistake?.Invoke(i, known.Value) is { } mistake)
            {
                throw new Unreadable(places[i].Start, $"{name.Text}() with {mistake.What}", mistake.Fix) { Code = "invalid-value" };
            }
        }
        return new FunctionCall(function, arguments);
    }

    private static Unreadable Unknown(Token name)
    {
        var near = Nearest.Of(name.Text, FunctionTable.Names);
        return new Unreadable(name.Start, $"no function '{name.Text}'",
            Elsewhere(name.Text) is { } here ? $"write {here}" : near is null ? $"there are: {string.Join(", ", FunctionTable.Names)}" : $"did you mean '{near}'?") { Code = "unknown-function" };
    }

    /// <summary>What other languages have a function for.</summary>
    private static string? Elsewhere(string name) => name.ToLowerInvariant() switch
    {
        "concat" or "concatenate" => "join('', [a, b])",
        "substring" or "substr" or "slice" or "left" => "name[:5]",
        "count" or "size" or "len" => "length(items)",
        "lowercase" or "tolower" or "to_lower" => "lower(name)",
        "uppercase" or "toupper" or "to_upper" => "upper(name)",
        "coalesce" or "default" or "ifnull" => "not_null(a, b)",
        "filter" or "where" => "items[?price > `10`]",
        "if" or "iff" => "a ? b : c",
        _ => null,
    };

    private static string Counted(int arguments) => arguments switch { 0 => "no argument", 1 => "one argument", _ => $"{arguments} arguments" };

    private static string Told(Node argument) => argument.Gives switch
    {
        Types.Null => "null",
        Types.Boolean or Types.Boolean | Types.Null => "a boolean",
        Types.Number or Types.Number | Types.Null => "a number",
        Types.String => "a text",
        Types.Array or Types.Array | Types.Null => argument is Literal ? "this list" : "a list",
        Types.Object => "an object",
        _ => "what this gives",
    };
}
