using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Transforms.JmesPath;

namespace Postern.Tests.Transforms.JmesPath;

/// <summary>
/// The project's own cases: <c>Specs/jmespath/*.json</c>, lists of groups. <c>gives</c> says what expressions give of <c>data</c>
/// (<c>{"!": "word"}</c> is an error), <c>refused</c> what is said of those that are none.
/// </summary>
public class SpecsTests
{
    public static TheoryData<string> Files => [.. Directory.EnumerateFiles(Folder, "*.json").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Specs", "jmespath");

    [Theory]
    [MemberData(nameof(Files))]
    public void Each_expression_gives_what_it_should(string file)
    {
        var wrong = new List<string>();
        var text = File.ReadAllText(Path.Combine(Folder, file));
        using var raw = JsonDocument.Parse(text);
        foreach (var (group, index) in JsonNode.Parse(text)!.AsArray().Select((g, i) => (g, i)))
        {
            var data = raw.RootElement[index].TryGetProperty("data", out var given) ? given.GetRawText() : "null";
            foreach (var (expression, expected) in group!["gives"]?.AsObject() ?? [])
            {
                wrong.AddRange(Problems(expression, data, expected));
            }
            foreach (var (expression, message) in group["refused"]?.AsObject() ?? [])
            {
                var said = Expression.Parse(expression, out var error) is null ? error!.Message : "nothing";
                if (said != message!.GetValue<string>())
                {
                    wrong.Add($"{expression}\n  says   {said}\n  not    {message}");
                }
            }
        }
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static IEnumerable<string> Problems(string expression, string data, JsonNode? expected)
    {
        var actual = Spec.Search(expression, data);
        if (expected is JsonObject { Count: 1 } only && only["!"] is { } error)
        {
            if (actual != "error: " + error.GetValue<string>())
            {
                yield return $"{expression}: {actual} instead of the error {error}";
            }
            yield break;
        }
        if (actual.StartsWith("error: ", StringComparison.Ordinal))
        {
            yield return $"{expression}: {actual}, {(Expression.Parse(expression, out var refused) is null ? refused!.Message : "")}";
            yield break;
        }
        if (!Spec.Same(actual, expected))
        {
            yield return $"{expression}: {actual} instead of {expected?.ToJsonString() ?? "null"}";
        }
        var evaluation = new Evaluation(null);
        var written = Spec.Write(expression, data, evaluation);
        if (!Spec.Same(written, expected) || evaluation.Failed > 0)
        {
            yield return $"{expression}: {written} is written ({evaluation.WhyFailed})";
        }
    }
}
