using System.Text.Json.Nodes;
using Postern.Tests.Harness;
using Postern.Transforms.JmesPath;

namespace Postern.Tests.Transforms.JmesPath;

/// <summary>The cases of the JMESPath community, read from where they stand beside the checkout.</summary>
public class ComplianceTests
{
    private const int Known = 1061;

    [Fact]
    public void Every_case_of_the_community_gives_what_it_should()
    {
        var folder = SharedFacts.Find("jmespath");
        Assert.SkipUnless(folder is not null, "The community's cases (shared/facts/jmespath) are not here.");
        var (count, wrong) = (0, new List<string>());
        foreach (var file in Directory.EnumerateFiles(folder!, "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            foreach (var group in JsonNode.Parse(File.ReadAllText(file))!.AsArray())
            {
                var given = group!["given"]?.ToJsonString() ?? "null";
                foreach (var one in group["cases"]!.AsArray())
                {
                    count++;
                    if (Problem(given, one!.AsObject()) is { } problem)
                    {
                        wrong.Add($"{Path.GetRelativePath(folder!, file)}: {one["expression"]}: {problem}");
                    }
                }
            }
        }
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(count >= Known, $"only {count} cases were found");
    }

    private static string? Problem(string given, JsonObject one)
    {
        var expression = one["expression"]!.GetValue<string>();
        if (one["bench"] is { } bench && !one.ContainsKey("result"))
        {
            return Expression.Parse(expression, out var error) is null ? $"{bench}: {error!.Message}" : null;
        }
        var actual = Spec.Search(expression, given);
        if (one["error"] is { } wanted)
        {
            return actual == "error: " + wanted.GetValue<string>() ? null : $"{actual} instead of the error {wanted}";
        }
        if (actual.StartsWith("error: ", StringComparison.Ordinal))
        {
            return $"{actual} ({(Expression.Parse(expression, out var error) is null ? error!.Message : "")}) instead of {one["result"]?.ToJsonString()}";
        }
        if (!Spec.Same(actual, one["result"]))
        {
            return $"{actual} instead of {one["result"]?.ToJsonString() ?? "null"}";
        }
        var written = Spec.Write(expression, given);
        return Spec.Same(written, one["result"]) ? null : $"{written} is written instead of {one["result"]?.ToJsonString() ?? "null"}";
    }
}
