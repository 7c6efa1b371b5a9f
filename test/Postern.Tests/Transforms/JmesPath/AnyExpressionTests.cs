using FsCheck;
using FsCheck.Fluent;
using Postern.Transforms.JmesPath;

namespace Postern.Tests.Transforms.JmesPath;

/// <summary>What must hold of any expression at all.</summary>
public class AnyExpressionTests
{
    private const string Data = """
        {"a":{"b":[1,2.50,{"c":"x"}],"d":{"e":null}},"list":[{"n":1,"s":"b","l":[1,[2]]},{"n":2,"s":"a"},{"n":2,"s":"\u00e9","t":true},3,null],
         "s":"naïve 𝄞","n":12345678901234567890,"t":true,"f":false,"e":[],"o":{},"z":null}
        """;

    private static readonly string[] Words =
    [
        "a", "b", "list", "n", "s", "t", "z", "o", "e", "l", "\"d\"", "'x'", "`1`", "`[1, 2]`", "`{\"a\": 1}`", "`null`", "@", "$", "$v", "*", "1", "-1", "0",
        ".", ".", ".", "|", "||", "&&", "!", "==", "!=", "<", ">=", "+", "-", "/", "//", "%", "?", ":", ",", "(", ")", "[", "]", "[]", "[*]", "[?", "[0]", "[1:]", "[::-1]",
        "{", "}", "a:", "b:", "&", "let $v =", "in", "=", "length(", "map(&", "sort_by(", "keys(", "to_string(", "not_null(", "join(", "sum(", "nope(", "\"", "'", "`", "#", " ",
    ];

    private static readonly Gen<string> Rubble = Gen.Elements(Words).ListOf().Select(string.Concat);

    [Fact]
    public void Any_text_is_an_expression_or_is_told_what_is_wrong() => Prop.ForAll(Rubble.ToArbitrary(), text =>
    {
        var expression = Expression.Parse(text, out var error);

        Assert.True(expression is null != error is null);
        if (error is not null)
        {
            Assert.InRange(error.Position, 0, text.Length);
            Assert.Contains($"at character {error.Position + 1} of ", error.Message);
        }
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(5000));

    [Fact]
    public void Any_expression_writes_what_it_gives() => Prop.ForAll(Expressions(4).ToArbitrary(), text =>
    {
        if (Expression.Parse(text, out var error) is null)
        {
            // Only what can be known not to work.
            Assert.True(error!.Code != "syntax", error.Message);
            return;
        }
        var given = Spec.Search(text, Data);
        var evaluation = new Evaluation(null);
        var written = Spec.Write(text, Data, evaluation);

        Assert.True(given.StartsWith("error: ", StringComparison.Ordinal) ? evaluation.Failed > 0 : evaluation.Failed == 0 && given == written, $"{text}: {given}, {written}");
        _ = System.Text.Json.Nodes.JsonNode.Parse(written);
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(3000));

    private static Gen<string> Expressions(int depth)
    {
        var place = Gen.Elements("a", "b", "a.b", "list", "n", "s", "t", "f", "z", "o", "e", "l", "missing", "@", "$", "$.list", "a.d.e", "`1`", "'x'", "`[1, \"a\", null]`", "list[0]", "list[-1].n");
        if (depth == 0)
        {
            return place;
        }
        var inner = Expressions(depth - 1);
        return Gen.OneOf(
            place,
            from left in inner from right in place from sign in Gen.Elements(" || ", " && ", " == ", " < ", " | ", " + ", " * ", " // ") select $"({left}{sign}{right})",
            from left in inner from behind in Gen.Elements("[0]", "[-1]", "[*]", "[]", "[1:]", "[::-1]", "[*].n", "[].s", "[?n == `2`]", "[?s].s", ".*", ".*.n", "[*].[n, s]", "[].{n: n, l: l[0]}", ".{a: a, n: n}", ".[n, @]", ".length(@)") select $"({left}){behind}",
            from only in inner from f in Gen.Elements("length({0})", "keys({0})", "to_string({0})", "type({0})", "to_array({0})", "sort({0})", "sum({0})", "reverse({0})", "!({0})", "-({0})", "map(&[@], {0})", "sort_by({0}, &n)", "not_null({0}, 'none')", "max_by({0}, &n)", "group_by({0}, &s)", "items({0})", "join('-', {0})") select string.Format(System.Globalization.CultureInfo.InvariantCulture, f, only),
            from one in inner from two in inner select $"{{a: {one}, b: {two}}}",
            from one in inner from two in inner select $"[{one}, {two}]",
            from condition in inner from yes in inner from no in place select $"({condition} ? {yes} : {no})",
            from value in inner from body in inner select $"(let $v = {value} in [$v, {body}])");
    }
}
