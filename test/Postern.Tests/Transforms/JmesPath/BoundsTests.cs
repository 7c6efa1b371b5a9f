using System.Diagnostics;
using System.Text;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;

namespace Postern.Tests.Transforms.JmesPath;

/// <summary>Whatever an answer holds, working with it ends: by the steps a request may take, and by the bytes that may come of it.</summary>
public class BoundsTests
{
    /// <summary>Far more than a million steps take on a busy machine, far less than what they stand in for would.</summary>
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    private static readonly Lazy<string> Numbers = new(() => "{\"a\":[" + string.Join(',', Enumerable.Range(0, 600_000)) + "],\"x\":\"y\"}");

    private static readonly Lazy<string> Fields = new(() => "{\"list\":[" + string.Join(',', Enumerable.Repeat("{}", 100_000)) + "],\"o\":{" + string.Join(',', Enumerable.Range(0, 100_000).Select(i => $"\"k{i:000000}\":1")) + "}}");

    private static readonly Lazy<string> Same = new(() => "{\"a\":\"" + new string('a', 2_000_000) + "\",\"b\":\"" + new string('a', 1_000_000) + "b\",\"list\":[" + string.Join(',', Enumerable.Repeat("1", 1000)) + "]}");

    [Theory]
    [InlineData("a[?contains($.a, @ + `1000000`)]")]
    [InlineData("a[*].[$.a[*].[@]]")]
    [InlineData("map(&length($.a[?@ > `0`]), a)")]
    [InlineData("a[*].[$.a[-1]]")]
    [InlineData("a[*].[$.a[599990:]]")]
    [InlineData("a[*].[$.a[::-1][0]]")]
    [InlineData("a[?$.a == $.a]")]
    [InlineData("a[*].[reverse($.a)[0]]")]
    [InlineData("a[*].[sort($.a)[0]]")]
    [InlineData("a[*].[zip($.a, $.a)[0]]")]
    [InlineData("a[*].[length(to_string($.a))]")]
    [InlineData("sort_by(a, &sum($.a))")]
    [InlineData("a[*].{a: @, b: 'b', c: 'c', d: 'd', e: 'e', f: 'f', g: 'g', h: 'h', i: 'i', j: 'j'}")]
    [InlineData("{p: a[*].[@], q: a[*].[@], r: a[*].[@], s: a[*].[@], t: a[*].[@]}")]
    [InlineData("let $a = [a, a], $b = a in [$a, $a][][][].[@]")]
    public void Work_with_many_values_ends(string expression) => Ends(expression, Numbers.Value);

    [Theory]
    [InlineData("list[*].[$.o.k099999]")]
    [InlineData("list[*].[$.o.missing]")]
    [InlineData("list[*].[keys($.o)[0]]")]
    [InlineData("list[*].[merge($.o, $.o).k000000]")]
    [InlineData("list[*].[from_items(items($.o)).k000000]")]
    [InlineData("list[?$.o == $.o]")]
    [InlineData("list[*].[$.o.*][]")]
    public void Work_with_many_names_ends(string expression) => Ends(expression, Fields.Value);

    [Theory]
    [InlineData("contains(a, b)")]
    [InlineData("find_first(a, b)")]
    [InlineData("find_last(a, b)")]
    [InlineData("replace(a, b, 'x')")]
    [InlineData("split(a, b)")]
    [InlineData("split(a, '')")]
    [InlineData("replace(a, 'a', b)")]
    [InlineData("join(a, list[*].to_string(@))")]
    [InlineData("list[*].[upper($.a)]")]
    [InlineData("list[*].[length($.a)]")]
    [InlineData("list[?$.a == $.b || $.a == join('', [$.b, 'c'])]")]
    [InlineData("sort(list[*].join('', [$.a, to_string(@)]))")]
    [InlineData("list[*].[reverse($.a)]")]
    [InlineData("list[*].[$.a[::2]]")]
    [InlineData("list[*].[trim($.a, $.b)]")]
    [InlineData("list[*].[pad_left($.a, `10000`)]")]
    public void Work_with_long_texts_ends(string expression) => Ends(expression, Same.Value);

    [Fact]
    public void A_long_number_is_gone_over_once_for_each_time_it_is_paid_for()
    {
        var json = "{\"n\":1" + new string('0', 1_000_000) + ",\"list\":[" + string.Join(',', Enumerable.Repeat("1", 100_000)) + "]}";

        Ends("list[?$.n > @]", json);
    }

    [Fact]
    public void What_is_written_many_times_ends_by_the_bytes_there_may_be()
    {
        var expression = Parse("a[*].[$.a]");
        using var text = Spec.Read(Numbers.Value);
        using var output = new JsonOutput(10_000_000);
        var watch = Stopwatch.StartNew();

        expression.Write(text.Root, new Evaluation(null), output);

        Assert.True(output.IsFull);
        Assert.True(output.Length <= 10_000_000);
        Assert.True(watch.Elapsed < Long, $"{watch.Elapsed}");
    }

    [Fact]
    public void What_is_written_only_to_be_taken_back_is_paid_for()
    {
        // Each entry writes a megabyte, and fails behind it.
        var json = "{\"big\":\"" + new string('x', 1_000_000) + "\",\"list\":[" + string.Join(',', Enumerable.Repeat("1", 5000)) + "],\"two\":[1,\"a\"]}";
        var expression = Parse("list[*].{x: $.two[*].[$.big, @] | [0] | [0], y: $.two[*].{a: $.big, b: @}.[a, abs(b)][].abs(@)}");
        using var text = Spec.Read(json);
        using var output = new JsonOutput(16 << 20);
        var evaluation = new Evaluation(null);
        var watch = Stopwatch.StartNew();

        expression.Write(text.Root, evaluation, output);

        Assert.True(evaluation.IsSpent || output.IsFull);
        Assert.True(watch.Elapsed < Long, $"{watch.Elapsed}");
    }

    [Fact]
    public void A_list_that_holds_itself_many_times_ends_too()
    {
        // Thirty doublings: a billion ones.
        var doubled = new StringBuilder("let $a0 = [`1`, @] in ");
        for (var i = 1; i <= 30; i++)
        {
            doubled.Append($"let $a{i} = [$a{i - 1}, $a{i - 1}] in ");
        }
        using var text = Spec.Read("1");
        foreach (var last in new[] { "$a30", "to_string($a30)", "$a30 == [$a29, $a29]", "[$a30, $a29][][][][][][]" })
        {
            using var output = new JsonOutput(1 << 20);
            var evaluation = new Evaluation(null);
            var watch = Stopwatch.StartNew();

            Parse(doubled + last).Write(text.Root, evaluation, output);

            Assert.True(evaluation.IsSpent || output.IsFull || evaluation.WhyFailed == "too-much-work", last);
            Assert.True(watch.Elapsed < Long, $"{last}: {watch.Elapsed}");
        }
    }

    [Fact]
    public void Steps_are_shared_by_all_expressions_of_a_request()
    {
        var evaluation = new Evaluation(null, maxSteps: 500);
        using var text = Spec.Read("{\"a\":[" + string.Join(',', Enumerable.Range(0, 100)) + "]}");
        var expression = Parse("length(a[*].[@])");

        var first = expression.Evaluate(text.Root, evaluation);
        var spent = Enumerable.Range(0, 10).Select(_ => expression.Evaluate(text.Root, evaluation)).Last();

        Assert.Equal(100, first.AsDouble());
        Assert.Equal("too-much-work", spent.Why);
        Assert.True(evaluation.IsSpent);
        // However much more is asked for, it never comes back.
        for (var i = 0; i < 10; i++)
        {
            Assert.False(evaluation.Spend(int.MaxValue));
        }
    }

    [Fact]
    public void Once_the_steps_are_used_up_the_fields_that_are_left_cost_nothing()
    {
        var shape = "{" + string.Join(", ", Enumerable.Range(0, 100).Select(i => $"f{i}: a[*].[@, $.x]")) + "}";
        using var text = Spec.Read(Numbers.Value);
        using var output = new JsonOutput(64 << 20);
        var evaluation = new Evaluation(null);
        var watch = Stopwatch.StartNew();

        Parse(shape).Write(text.Root, evaluation, output);

        Assert.True(evaluation.IsSpent);
        Assert.True(evaluation.Failed > 90);
        Assert.True(watch.Elapsed < Long, $"{watch.Elapsed}");
    }

    [Theory]
    [InlineData("(", ")", 200)]
    [InlineData("[", "]", 200)]
    [InlineData("!", "", 200)]
    [InlineData("-", "", 200)]
    [InlineData("{a: ", "}", 200)]
    [InlineData("abs(", ")", 200)]
    [InlineData("a ? b : ", "", 200)]
    [InlineData("a[?", "]", 200)]
    [InlineData("let $x = @ in ", "", 200)]
    [InlineData("a[*].", "", 500)]
    [InlineData("a || ", "", 500)]
    [InlineData("a | ", "", 500)]
    [InlineData("a[0].", "", 500)]
    public void An_expression_is_not_too_deep(string open, string close, int times)
    {
        var text = string.Concat(Enumerable.Repeat(open, times)) + "a" + string.Concat(Enumerable.Repeat(close, times));

        Assert.Null(Expression.Parse(text, out var error));
        Assert.StartsWith("too much within one another at character ", error!.Message);
        var shallow = string.Concat(Enumerable.Repeat(open, times / 8)) + "a" + string.Concat(Enumerable.Repeat(close, times / 8));
        Assert.NotNull(Expression.Parse(shallow, out error));
    }

    [Fact]
    public void An_expression_is_not_too_long()
    {
        Assert.Null(Expression.Parse("'" + new string('x', Expression.MaxLength) + "'", out var error));
        Assert.Equal("16386 characters are too many for one expression; at most 16384", error!.Message);
    }

    [Fact]
    public void A_name_may_be_as_deep_as_an_expression_is_long()
    {
        var path = string.Join('.', Enumerable.Repeat("a", 8000));

        Assert.Equal("null", Spec.Search(path, "{\"a\":{\"a\":1}}"));
    }

    private static void Ends(string expression, string json)
    {
        var compiled = Parse(expression);
        using var text = Spec.Read(json);
        using var output = new JsonOutput(64 << 20);
        var (written, evaluated) = (new Evaluation(null), new Evaluation(null));
        var watch = Stopwatch.StartNew();

        compiled.Write(text.Root, written, output);
        var value = compiled.Evaluate(text.Root, evaluated);

        Assert.True(written.IsSpent || output.IsFull, $"{expression} was written within the bounds: make it more");
        Assert.True(evaluated.IsSpent && value.Why == "too-much-work", $"{expression}: {(value.IsError ? value.Why : "a value")}");
        Assert.True(watch.Elapsed < Long, $"{watch.Elapsed}");
    }

    private static Expression Parse(string text)
    {
        var expression = Expression.Parse(text, out var error);
        Assert.True(expression is not null, error?.Message);
        return expression;
    }
}
