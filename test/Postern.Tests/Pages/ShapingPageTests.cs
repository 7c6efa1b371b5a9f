using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Postern.Tests.Harness;
using Postern.Tests.Transforms.JmesPath;
using Postern.Transforms.JmesPath.Functions;

namespace Postern.Tests.Pages;

/// <summary>docs/shaping.md: each <c>expression → result</c> is what the expression gives, and each function has one.</summary>
public sealed partial class ShapingPageTests
{
    private static readonly string Page = File.ReadAllText(Repository.File("docs", "shaping.md")).ReplaceLineEndings("\n");

    private static IEnumerable<(string Expression, string Result)> Examples =>
        Texts().Matches(Page).SelectMany(b => b.Groups["text"].Value.Split('\n')).Where(l => l.Contains(" → ", StringComparison.Ordinal))
            .Select(l => l.Split(" → ", 2)).Select(p => (p[0].Trim(), p[1].Trim()));

    [Fact]
    public void Each_example_gives_what_the_page_says()
    {
        var data = Json().Match(Page).Groups["text"].Value;
        var wrong = Examples.Select(e => (e.Expression, e.Result, Given: Spec.Search(e.Expression, data)))
            .Where(e => e.Given.StartsWith("error: ", StringComparison.Ordinal) || !Spec.Same(e.Given, JsonNode.Parse(e.Result))).ToList();

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(Examples.Count() > 70);
    }

    [Fact]
    public void Each_function_is_on_the_page() =>
        Assert.All(FunctionTable.Names, f => Assert.Contains(f + "(", Page, StringComparison.Ordinal));

    [GeneratedRegex("```text\n(?<text>.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Texts();

    [GeneratedRegex("```json\n(?<text>.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Json();
}
