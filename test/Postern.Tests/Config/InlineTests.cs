using Postern.Config;

namespace Postern.Tests.Config;

public sealed class InlineTests
{
    [Theory]
    [InlineData("shape: a.b", "\"a.b\"")]
    [InlineData("shape: [1, 1.50, -3e2, 012, 1., true, null, ~, 'true', \"5\", 12345678901234567890123]", "[1,1.50,-3e2,\"012\",\"1.\",true,null,null,\"true\",\"5\",12345678901234567890123]")]
    [InlineData("shape: { b: 1, a: { \"x\\\"y\": [] }, c: {} }", "{\"b\":1,\"a\":{\"x\\\"y\":[]},\"c\":{}}")]
    [InlineData("shape: ä<b>", "\"ä<b>\"")]
    [InlineData("shape:", "null")]
    public void A_value_of_any_kind_is_kept_as_it_was_written(string line, string json)
    {
        var route = Load(line).Gates[0].Routes[0];
        var shape = route.Sections.Find(typeof(Postern.Transforms.Shaping.ShapeSection)) as Postern.Transforms.Shaping.ShapeSection;
        Assert.Equal(json, shape!.Shape!.ToJson());
        Assert.Equal(shape.Shape, Inline.Json(json));
        Assert.Contains($"\"shape\": {(json[0] is '[' or '{' ? json[0] : json)}", ConfigText.Render(Load(line)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_secret_within_it_is_not_shown_and_every_leaf_knows_its_place()
    {
        Environment.SetEnvironmentVariable("INLINE_TEST", "hunter2");
        var config = Load("shape: { a: [\"${env:INLINE_TEST}\"], b: c }");
        var shape = ((Postern.Transforms.Shaping.ShapeSection)config.Gates[0].Routes[0].Sections.Find(typeof(Postern.Transforms.Shaping.ShapeSection))!).Shape!;
        Assert.Equal("{\"a\":[\"hunter2\"],\"b\":\"c\"}", shape.ToJson());
        Assert.DoesNotContain("hunter2", ConfigText.Render(config), StringComparison.Ordinal);
        Assert.Equal(("gates.web.routes[0].shape.a[0]", "gates.web.routes[0].shape.b"), (shape.Fields![0].Value.Items![0].Origin!.Path, shape.Fields[1].Value.Origin!.Path));
        Assert.Equal((8, 48), (shape.Fields[1].Value.Origin!.Line, shape.Fields[1].Value.Origin!.Column));
    }

    private static GatewayConfig Load(string line) => Postern.Config.Yaml.ConfigFile.Load("postern.yaml", Features.Grammar, _ => $"""
        version: 1
        upstreams: {"{ up: { url: \"http://127.0.0.1:1\" } }"}
        gates:
          web:
            identity: off
            routes:
              - get: /a
                {line}
                to: http://up
        """).Config;
}
