using System.Text;
using Postern.Tests.Harness;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;
using Postern.Transforms.Locales;

namespace Postern.Tests.Transforms.JmesPath;

/// <summary>The functions for clients' screens, as expressions call them.</summary>
public sealed class WordingTests
{
    private const string Root = """
        {"price": 149.99, "text": "149.99", "currency": "USD", "at": "2025-12-29T22:45:00Z", "html": "<p>Hi &amp; <b>bye</b></p>", "name": "Ergonomic Keyboard",
         "none": null, "list": [{"total": 1, "currency": "EUR"}, {"total": "x", "currency": "EUR"}, {"total": null, "currency": "EUR"}]}
        """;

    [Theory]
    [InlineData("money(price, currency)", "\"$149.99\"")]
    [InlineData("money(text, currency)", "\"$149.99\"")]
    [InlineData("money(price * `3`, 'EUR')", "\"€449.97\"")]
    [InlineData("money(none, currency)", "null")]
    [InlineData("money(missing, currency)", "null")]
    [InlineData("money(missing, currency) || '-'", "\"-\"")]
    [InlineData("ago(at)", "\"2d\"")]
    [InlineData("ago(missing)", "null")]
    [InlineData("text(html)", "\"Hi & bye\"")]
    [InlineData("text(missing)", "null")]
    [InlineData("truncate(name, `5`)", "\"Ergo…\"")]
    [InlineData("truncate(text(html), `4`)", "\"Hi…\"")]
    [InlineData("truncate(missing, `4`)", "null")]
    [InlineData("date(at)", "\"Dec 29, 2025\"")]
    [InlineData("date(at, 'long')", "\"December 29, 2025\"")]
    [InlineData("date(at, 'iso', '+02:00')", "\"2025-12-30T00:45:00+02:00\"")]
    [InlineData("date(at, 'yyyy-MM-dd')", "\"2025-12-29\"")]
    [InlineData("date(missing, 'date')", "null")]
    [InlineData("list[].{total: money(total, currency)}", """[{"total":"€1.00"},{"total":null},{"total":null}]""")]
    public void They_put_values_into_words(string expression, string expected) => Assert.Equal(expected, Write(expression).Text);

    [Theory]
    [InlineData("{a: money(name, currency)}", "invalid-value")]
    [InlineData("{a: money(price, name)}", "invalid-value")]
    [InlineData("{a: money(price, none)}", "invalid-type")]
    [InlineData("{a: money(list, currency)}", "invalid-type")]
    [InlineData("{a: ago(name)}", "invalid-value")]
    [InlineData("{a: ago(`true`)}", null)]
    [InlineData("{a: text(price)}", "invalid-type")]
    [InlineData("{a: truncate(name, none)}", "invalid-type")]
    [InlineData("{a: truncate(name, length(''))}", null)]
    [InlineData("{a: truncate(name, length(none || ''))}", "invalid-value")]
    [InlineData("{a: date(at, name)}", "invalid-value")]
    [InlineData("{a: date(at, 'date', name)}", "invalid-value")]
    public void What_can_not_be_put_into_words_is_null_and_counted(string expression, string? why)
    {
        if (why is null)
        {
            Assert.Null(Expression.Parse(expression, out _)); // Known when it is compiled.
            return;
        }
        var (text, evaluation) = Write(expression);
        Assert.Equal(("{\"a\":null}", 1, $"{why} in 'a'"), (text, evaluation.Failed, evaluation.WhyFailed));
    }

    [Theory]
    [InlineData("money(a, 'Dollar')", "money() with no currency 'Dollar' at character 10 of \"money(a, 'Dollar')\"; write its three letters (ISO 4217), such as 'USD'")]
    [InlineData("truncate(a, `0`)", "truncate() with 0 characters at character 13 of \"truncate(a, `0`)\"; write a whole number from 1; the sign for what was cut counts as one")]
    [InlineData("date(a, 'dd.MM.YYYY')", "date() with no field 'YYYY' of a date at character 9 of \"date(a, 'dd.MM.YYYY')\"; the year is 'yyyy'; formats by name are date, short, long, time, datetime and iso")]
    [InlineData("date(a, 'iso', 'Europe/Berlin')", "date() with no offset 'Europe/Berlin' from UTC at character 16 of \"date(a, 'iso', 'Europe/Berlin')\"; write one like '+02:00'; time zones have no names here, for their rules differ between machines")]
    [InlineData("money('total', 'USD')", "money() with no amount 'total' at character 7 of \"money('total', 'USD')\"; write a number of at most 40 digits; a field's name stands without quotes: money(total, 'USD')")]
    [InlineData("ago('createdAt')", "ago() with no timestamp 'createdAt' at character 5 of \"ago('createdAt')\"; write one like '2025-12-29T22:45:00Z', or seconds since 1970; a field's name stands without quotes")]
    [InlineData("date(`1e300`)", "date() with no timestamp at character 6 of \"date(`1e300`)\"; write one like '2025-12-29T22:45:00Z', or seconds since 1970; a field's name stands without quotes")]
    [InlineData("money(a)", "money() with one argument at character 1 of \"money(a)\"; it is money(string|number|null, string)")]
    [InlineData("text(`5`)", "text() takes string or null, not a number at character 6 of \"text(`5`)\"; it is text(string|null)")]
    [InlineData("monye(a, b)", "no function 'monye' at character 1 of \"monye(a, b)\"; did you mean 'money'?")]
    public void What_is_wrong_for_good_is_told_when_it_is_compiled(string expression, string message)
    {
        Assert.Null(Expression.Parse(expression, out var error));
        Assert.Equal(message, error!.Message);
    }

    [Theory]
    [InlineData("money(a, b)", true)]
    [InlineData("a[?money(b, c) == 'x'].{d: d}", true)]
    [InlineData("map(&money(@, 'EUR'), a)", true)]
    [InlineData("date(a)", true)]
    [InlineData("date(a, 'long')", true)]
    [InlineData("date(a, b)", true)]
    [InlineData("date(a, 'd MMM')", true)]
    [InlineData("date(a, 'iso')", false)]
    [InlineData("date(a, 'yyyy-MM-dd')", false)]
    [InlineData("ago(a)", false)]
    [InlineData("truncate(text(a), `5`)", false)]
    [InlineData("money", false)]
    public void It_is_known_whether_the_locale_makes_a_difference(string expression, bool does) => Assert.Equal(does, Expression.Parse(expression, out _)!.UsesLocale);

    [Fact]
    public void The_locale_and_the_time_are_the_requests()
    {
        Assert.Equal("\"149,99\u00a0$\"", Write("money(price, currency)", "de-DE").Text);
        var time = new ManualTime();
        var evaluation = new Evaluation(null) { Time = time };
        var expression = Expression.Parse("ago(at)", out _)!;
        Assert.Equal("2d", expression.Evaluate(JsonText.Fixed(Root), evaluation).AsString());
        time.Advance(TimeSpan.FromDays(5));
        Assert.Equal("2d", expression.Evaluate(JsonText.Fixed(Root), evaluation).AsString()); // One request has one time.
        Assert.Equal("1w", expression.Evaluate(JsonText.Fixed(Root), new Evaluation(null) { Time = time }).AsString());
    }

    [Theory]
    [InlineData("text(@)")]
    [InlineData("truncate(@, `5`)")]
    [InlineData("ago(@)")]
    [InlineData("date(@)")]
    [InlineData("money(@, 'USD')")]
    public void Long_texts_use_up_the_work_of_a_request(string expression)
    {
        var root = JsonValue.Of(new string('x', 1_000_000));
        var evaluation = new Evaluation(null, maxSteps: 10_000);
        _ = Expression.Parse(expression, out _)!.Evaluate(root, evaluation);
        Assert.True(evaluation.IsSpent);
    }

    private static (string Text, Evaluation Evaluation) Write(string expression, string locale = "en-US")
    {
        var evaluation = new Evaluation(null) { Locale = Locale.Find(locale)!, Time = new ManualTime() };
        using var output = new JsonOutput(10_000);
        var parsed = Expression.Parse(expression, out var error);
        Assert.True(parsed is not null, error?.Message);
        parsed.Write(JsonText.Fixed(Root), evaluation, output);
        return (Encoding.UTF8.GetString(output.Written), evaluation);
    }
}
