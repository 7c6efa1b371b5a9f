using System.Text;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;

namespace Postern.Tests.Transforms.JmesPath;

public class WritingTests
{
    [Theory]
    [InlineData("@", "{ \"n\" : N,\"s\": S ,\"list\":[ {\"n\":N} ]}")]
    [InlineData("n", "N")]
    [InlineData("{a: n, b: s, \"c d\": list[0]}", "{\"a\":N,\"b\":S,\"c d\":{\"n\":N}}")]
    [InlineData("list[*].{n: n}", "[{\"n\":N}]")]
    [InlineData("list[?n > `1`]", "[{\"n\":N}]")]
    [InlineData("list[].n", "[N]")]
    [InlineData("[s, n]", "[S,N]")]
    [InlineData("sort_by(list, &n)[].n", "[N]")]
    [InlineData("merge(list[0], {s: s})", "{\"n\":N,\"s\":S}")]
    [InlineData("from_items(items(list[0]))", "{\"n\":N}")]
    [InlineData("let $s = s in list[*].[$s, n][]", "[S,N]")]
    [InlineData("`[N, S]`", "[N, S]")]
    public void What_is_not_worked_out_passes_as_the_bytes_it_came_as(string expression, string expected)
    {
        var written = Spec.Write(Filled(expression), Filled("{ \"n\" : N,\"s\": S ,\"list\":[ {\"n\":N} ]}"));

        Assert.Equal(Filled(expected), written);

        static string Filled(string text) => text.Replace("N", "1.50000000000000000000000000000000000000000001E+02", StringComparison.Ordinal)
            .Replace("S", "\"\\u0041\\/\\ud800\\u00e9é\"", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{a: abs(s), b: n}", "{\"a\":null,\"b\":1}", 1, "invalid-type in 'a'")]
    [InlineData("[abs(s), n]", "[null,1]", 1, "invalid-type")]
    [InlineData("list[*].{a: n / z, b: n}", "[{\"a\":null,\"b\":1},{\"a\":null,\"b\":2}]", 2, "not-a-number in 'a'")]
    [InlineData("{a: list[*].abs(x), b: n}", "{\"a\":null,\"b\":1}", 1, "invalid-type in 'a'")]
    [InlineData("{a: {b: {c: abs(s), d: n}}}", "{\"a\":{\"b\":{\"c\":null,\"d\":1}}}", 1, "invalid-type in 'c'")]
    [InlineData("abs(s)", "null", 1, "invalid-type")]
    [InlineData("{a: sort_by(list, &n)[*].{b: abs(x)}}", "{\"a\":[{\"b\":null},{\"b\":null}]}", 2, "invalid-type in 'b'")]
    [InlineData("{a: map(&{b: abs(x), c: n}, list)}", "{\"a\":[{\"b\":null,\"c\":1},{\"b\":null,\"c\":2}]}", 2, "invalid-type in 'b'")]
    [InlineData("{a: $unknown, b: n}", "{\"a\":null,\"b\":1}", 1, "undefined-variable in 'a'")]
    [InlineData("let $x = abs(s) in {a: $x}", "null", 1, "invalid-type")]
    [InlineData("{a: s && abs(s), b: z || n, c: missing ? s : n, d: n | @}", "{\"a\":null,\"b\":0,\"c\":1,\"d\":1}", 1, "invalid-type in 'a'")]
    public void What_cannot_be_worked_out_is_null_in_the_nearest_field_and_counted(string expression, string expected, int failed, string why)
    {
        var evaluation = new Evaluation(null);

        Assert.Equal(expected, Spec.Write(expression, "{\"n\":1,\"z\":0,\"s\":\"x\",\"list\":[{\"n\":1,\"x\":\"x\"},{\"n\":2,\"x\":\"y\"}]}", evaluation));

        Assert.Equal((failed, why), (evaluation.Failed, evaluation.WhyFailed));
    }

    [Theory]
    [InlineData("list[*].a", "[1,2]")]
    [InlineData("list[*].b", "[{\"c\":1}]")]
    [InlineData("list[*].b.c", "[1]")]
    [InlineData("list[*].b.[c, d]", "[[1,null]]")]
    [InlineData("list[*].none", "[]")]
    [InlineData("[list[*].none, list[*].a]", "[[],[1,2]]")]
    [InlineData("list[*].[a][]", "[1,2]")]
    [InlineData("none[*].a", "null")]
    [InlineData("none.{a: a}", "null")]
    [InlineData("list[*].(a)", null)]
    public void An_entry_that_is_null_leaves_no_trace(string expression, string? expected)
    {
        if (expected is null)
        {
            Assert.Null(Expression.Parse(expression, out _));
            return;
        }
        Assert.Equal(expected, Spec.Write(expression, "{\"list\":[{\"a\":1},{\"a\":null},{\"a\":2,\"b\":{\"c\":1}},7]}"));
    }

    [Fact]
    public void What_was_written_before_stays_and_a_value_may_be_null()
    {
        using var output = new JsonOutput(1000);
        output.Write("[1,"u8);
        using var text = Spec.Read("{}");

        Expression.Parse("missing", out _)!.Write(text.Root, new Evaluation(null), output);
        output.Write("]"u8);

        Assert.Equal("[1,null]", Encoding.UTF8.GetString(output.Written));
    }

    [Fact]
    public void It_is_evaluated_by_many_at_once()
    {
        var expression = Expression.Parse("let $f = f in list[*].{a: a, sum: a + $f, text: join('-', [s, 'x'])}", out _)!;
        Parallel.For(0, 2000, i =>
        {
            using var text = Spec.Read($"{{\"f\":{i},\"list\":[{{\"a\":1,\"s\":\"{i}\"}}]}}");
            Assert.Equal($"[{{\"a\":1,\"sum\":{i + 1},\"text\":\"{i}-x\"}}]", Spec.Written(output => expression.Write(text.Root, new Evaluation(null), output)));
        });
    }

    [Fact]
    public void A_request_is_asked_for_its_variables()
    {
        var request = new Request();

        Assert.Equal("[\"2\",null]", Spec.Search("[$query.page, $query.size]", "{}", request));
        Assert.Equal("error: undefined-variable", Spec.Search("$nothing", "{}", request));
        Assert.Equal("\"inner\"", Spec.Search("let $query = 'inner' in $query", "{}", request));
    }

    private sealed class Request : IVariables
    {
        public JsonValue Find(string name) => name == "query" ? JsonText.Fixed("{\"page\":\"2\"}") : JsonValue.Error("undefined-variable");
    }
}
