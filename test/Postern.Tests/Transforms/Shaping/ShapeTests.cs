using Postern.Config;
using Postern.Tests.Transforms.JmesPath;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Shaping;

namespace Postern.Tests.Transforms.Shaping;

public class ShapeTests
{
    private const string Page = """{"user":{"id":"u1","name":"Ann"},"orders":[{"id":7,"total":10.50},{"id":8,"total":"?"}],"page":2}""";

    [Fact]
    public void An_expression_is_a_shape() =>
        Assert.Equal("""{"id":"u1","totals":[10.50,"?"]}""", Write("{id: user.id, totals: orders[].total}"));

    [Fact]
    public void So_is_a_mapping_with_expressions_for_leaves_in_the_order_written()
    {
        var shape = Inline.Of(
            ("who", "user.name"),
            ("a \"name\"", Inline.Of(("n", "length(orders)"), ("first", "orders[0].id"))),
            ("list", Inline.Of("page", "'text'", "missing")),
            ("nothing", "missing"));

        Assert.Equal("""{"who":"Ann","a \"name\"":{"n":2,"first":7},"list":[2,"text",null],"nothing":null}""", Write(shape));
    }

    [Fact]
    public void What_stands_for_itself_is_no_expression() =>
        Assert.Equal("""{"n":1.50,"t":true,"f":false,"z":null,"s":null,"o":{},"l":[]}""",
            Write(Inline.Json("""{"n":1.50,"t":true,"f":false,"z":null,"s":"true","o":{},"l":[]}""")));

    [Fact]
    public void A_leaf_that_fails_is_null_and_the_others_are_not()
    {
        var evaluation = new Evaluation(null);

        var written = Write(Inline.Of(("a", "abs(user.name)"), ("b", Inline.Of(("c", "sum(orders[].total)"), ("d", "page"))), ("e", "orders[].{id: id, half: total / `2`}")), evaluation);

        Assert.Equal("""{"a":null,"b":{"c":null,"d":2},"e":[{"id":7,"half":5.25},{"id":8,"half":null}]}""", written);
        Assert.Equal((3, "invalid-type in 'a'"), (evaluation.Failed, evaluation.WhyFailed));
    }

    [Fact]
    public void It_knows_what_its_leaves_read()
    {
        var shape = Compile(Inline.Of(("a", "user.name"), ("b", Inline.Of("let $x = page in $x", "$query.q")), ("c", Inline.Json("1"))), out _)!;

        Assert.Equal(["page", "user"], shape.Roots.Order(StringComparer.Ordinal));
        Assert.Equal(["query"], shape.Variables);
        Assert.False(shape.ReadsWholeRoot);
        Assert.True(Compile(Inline.Of(("a", "user"), ("b", "keys(@)")), out _)!.ReadsWholeRoot);
    }

    [Fact]
    public void Each_leaf_binds_its_own_variables() =>
        Assert.Equal("""{"a":"u1","b":[2,"Ann"],"c":null}""",
            Write(Inline.Of(("a", "let $x = user.id in $x"), ("b", "let $x = page, $y = user.name in [$x, $y]"), ("c", "let $x = missing in $x"))));

    [Theory]
    [InlineData("$qurey.page", "no variable '$qurey' at character 1 of \"$qurey.page\"; did you mean '$query'? (there are $body, $claims, $consumer, $cookies, $headers, $params, $query)")]
    [InlineData("let $mine = page in $mien", "no variable '$mien' at character 21 of \"let $mine = page in $mien\"; did you mean '$mine'? (there are $body, $claims, $consumer, $cookies, $headers, $mine, $params, $query)")]
    [InlineData("$foo.bar", "no variable '$foo' at character 1 of \"$foo.bar\"; there are $body, $claims, $consumer, $cookies, $headers, $params, $query")]
    [InlineData("user.nam(", "',' or ')' expected")]
    public void What_is_wrong_with_a_leaf_is_said_at_the_leaf(string leaf, string message)
    {
        Assert.Null(Compile(Inline.Of(("good", "user"), ("list", Inline.Of("page", leaf))), out var problems));

        var problem = Assert.Single(problems);
        Assert.Equal("shape.list[1]", problem.Path);
        Assert.StartsWith(leaf == "user.nam(" ? "a value expected, but it ends" : message, problem.Message);
    }

    [Fact]
    public void All_that_is_wrong_is_said_at_once()
    {
        Assert.Null(Compile(Inline.Of(("a", "lenght(x)"), ("b", Inline.Of("a.", "b.")), ("c", "ok")), out var problems));

        Assert.Equal(["shape.a", "shape.b[0]", "shape.b[1]"], problems.Select(p => p.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_name_twice_and_too_many_levels_are_refused()
    {
        Assert.Null(Compile(Inline.Of(("a", "x"), ("a", "y")), out var twice));
        Assert.Equal("the name 'a' twice; leave one out, or call it otherwise", Assert.Single(twice).Message);

        var deep = Inline.Of("x");
        for (var i = 0; i < 70; i++)
        {
            deep = Inline.Of([deep]);
        }
        Assert.Null(Compile(deep, out var tooDeep));
        Assert.Equal("more than 64 levels within one another", Assert.Single(tooDeep).Message);
    }

    private static string Write(Inline shape, Evaluation? evaluation = null)
    {
        var compiled = Compile(shape, out var problems);
        Assert.True(compiled is not null, string.Join('\n', problems));
        using var text = Spec.Read(Page);
        return Spec.Written(output => compiled.Write(text.Root, evaluation ?? new Evaluation(null), output));
    }

    private static Shape? Compile(Inline shape, out IReadOnlyList<ConfigProblem> problems)
    {
        var check = new Check();
        var compiled = Shape.Compile(shape, check, new ShapeSection { Origin = new Origin("postern.yaml", 1, 1, "") }, "shape");
        problems = check.Problems;
        return compiled;
    }
}
