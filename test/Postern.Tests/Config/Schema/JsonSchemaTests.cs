using Postern.Config.Schema;
using Postern.Tests.Config.Yaml;

namespace Postern.Tests.Config.Schema;

public sealed class JsonSchemaTests
{
    private static readonly MiniSchema Main = new(JsonSchema.Write(Features.Grammar));
    private static readonly MiniSchema Gate = new(JsonSchema.Write(Features.Grammar, gate: true));

    [Theory]
    [MemberData(nameof(GoldenConfigTests.Cases), MemberType = typeof(GoldenConfigTests))]
    public void What_the_gateway_takes_an_editor_takes_too(string name)
    {
        var golden = GoldenConfigTests.Read(name);
        if (golden.Expected == "ok" && !golden.Files.Values.Any(t => t.Contains("<<:")))
        {
            Assert.True(Main.Accepts(golden.Files[ConfigCase.Main]), name);
            Assert.All(golden.Files.Where(f => f.Key.EndsWith(".yaml") && f.Key != ConfigCase.Main), f => Assert.True(Gate.Accepts(f.Value), f.Key));
        }
    }

    [Theory]
    [InlineData("unknown-root-key")]
    [InlineData("unknown-key-nested")]
    [InlineData("unknown-key-in-route")]
    [InlineData("key-of-another-place")]
    [InlineData("version-missing")]
    [InlineData("duration-without-unit")]
    [InlineData("sizes-of-all-kinds")]
    [InlineData("enums")]
    [InlineData("booleans")]
    [InlineData("numbers-of-all-kinds")]
    [InlineData("empty-lists")]
    [InlineData("include-with-company")]
    [InlineData("gate-without-routes")]
    [InlineData("route-without-method")]
    [InlineData("shorthand-wrong")]
    [InlineData("names-of-upstreams-and-gates")]
    public void What_the_gateway_refuses_an_editor_marks(string name) =>
        Assert.False(Main.Accepts(GoldenConfigTests.Read(name).Files[ConfigCase.Main]));

    [Fact]
    public void A_gate_file_has_no_keys_of_the_main_file()
    {
        Assert.True(Gate.Accepts("routes:\n  - { get: /a, respond: 204 }\n"));
        Assert.True(Gate.Accepts("include: other.yaml\n"));
        Assert.False(Gate.Accepts("version: 1\nroutes:\n  - { get: /a, respond: 204 }\n"));
    }

    [Fact]
    public void The_schema_says_what_a_key_does_and_its_default()
    {
        var schema = System.Text.Json.Nodes.JsonNode.Parse(JsonSchema.Write(Features.Grammar))!;
        var timeout = schema["$defs"]!["upstream"]!["properties"]!["timeout"]!;
        Assert.Contains("504", timeout["description"]!.GetValue<string>());
        Assert.Equal("30s", timeout["default"]!.GetValue<string>());
        Assert.DoesNotContain("`", schema.ToJsonString());
    }
}
