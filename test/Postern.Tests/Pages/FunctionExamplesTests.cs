using System.Text.RegularExpressions;
using Postern.Tests.Harness;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;
using Postern.Transforms.Locales;
using Postern.Transforms.Shaping;

namespace Postern.Tests.Pages;

/// <summary>What docs/bff-functions.md says of functions is what they do.</summary>
public sealed partial class FunctionExamplesTests
{
    private static readonly string Page = File.ReadAllText(Repository.File("docs", "bff-functions.md")).ReplaceLineEndings("\n");

    public static TheoryData<string, string, string, string> Rows()
    {
        var data = new TheoryData<string, string, string, string>();
        foreach (Match row in Row().Matches(Page))
        {
            data.Add(row.Groups[1].Value, row.Groups[2].Value, row.Groups[3].Value, row.Groups[4].Value);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_row_is_true(string expression, string root, string locale, string expected)
    {
        var evaluation = new Evaluation(null) { Locale = Locale.Find(locale)!, Time = new ManualTime() };
        Assert.Equal(expected.Replace('~', '\u00a0'), Expression.Parse(expression, out _)!.Evaluate(JsonText.Fixed(root), evaluation).AsString());
    }

    [Fact]
    public void Every_function_has_a_row_and_a_chapter()
    {
        Assert.All(["money", "ago", "text", "truncate", "date"], name =>
        {
            Assert.Contains(Rows(), row => row.Data.Item1.StartsWith(name + "(", StringComparison.Ordinal));
            Assert.Contains($"\n## {name}(", Page, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Every_format_is_shown_as_it_is()
    {
        var rows = Format().Matches(Page);
        Assert.Equal(6, rows.Count);
        foreach (Match row in rows)
        {
            foreach (var (locale, shown) in new[] { ("en-US", row.Groups[2].Value), ("de-DE", row.Groups[3].Value) })
            {
                var evaluation = new Evaluation(null) { Locale = Locale.Find(locale)! };
                Assert.Equal(shown, Expression.Parse($"date('2025-07-09T16:05:07Z', {row.Groups[1].Value})", out _)!.Evaluate(JsonValue.Null, evaluation).AsString());
            }
        }
    }

    [Fact]
    public void Every_locale_and_every_variable_is_listed()
    {
        Assert.Contains(string.Join(", ", LocaleTable.Tags) + ".", Page.Replace(",\n", ", "), StringComparison.Ordinal);
        Assert.All(RequestVariables.Names, name => Assert.Contains($"| `${name}` |", Page, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"^\| ``?([a-z]+\(.+?\))``? \| `(\{.+?\})` \| ([a-z]+-[A-Z]+) \| `(.+?)` \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"^\| `('[a-z]+')`.*? \| (.+?) \| (.+?) \|$", RegexOptions.Multiline)]
    private static partial Regex Format();
}
