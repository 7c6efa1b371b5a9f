using Microsoft.Extensions.Logging.Abstractions;
using Postern.Backends.Proxying;
using Postern.Config;
using Postern.Config.Yaml;
using Postern.Edge.Authenticating;
using Postern.Runtime;
using Postern.Transforms.Shaping;

namespace Postern.Tests.Transforms.Shaping;

/// <summary>Shapes in C#: the same record, held to the same.</summary>
public sealed class ShapeInCodeTests
{
    [Fact]
    public void Code_says_what_YAML_says()
    {
        var (runtime, problems) = Start(gate =>
        {
            gate.IdentityOff().Shape("{id: id}");
            gate.Get("/a").To("http://up");
            gate.Get("/b").To("http://up").Shape(Inline.Of(("id", "id"), ("names", "people[].name")));
            gate.Get("/c").To("http://up").ShapeOff();
            gate.Get("/d").To("http://up").ShapeOff().Shape("id");
        });

        Assert.Empty(problems);
        using (runtime)
        {
            Assert.Equal([true, true, false, true], new[] { "/a", "/b", "/c", "/d" }.Select(p => Explain.Request(runtime!.Snapshot, "GET", "a", p, []).Text.Contains("shape ", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public void What_is_wrong_is_told_with_its_line()
    {
        var (runtime, problems) = Start(gate =>
        {
            gate.IdentityOff();
            gate.Get("/a").To("http://up").Shape("{id: id");
            gate.Get("/b").To("http://up").Shape(Inline.Of(("names", Inline.Of("lenght(people)"))));
        });

        Assert.Null(runtime);
        Assert.Collection(
            problems.Select(p => p.ToString()),
            p => Assert.Matches(@"ShapeInCodeTests\.cs:\d+:1: gates\.web\.routes\[0\]\.shape: ',' or '}' expected, but it ends at character 8 of ""{id: id""", p),
            p => Assert.Matches(@"ShapeInCodeTests\.cs:\d+:1: gates\.web\.routes\[1\]\.shape\.names: no function 'lenght' at character 1 of ""lenght\(people\)""; did you mean 'length'\?", p));
    }

    private static (GatewayRuntime?, IReadOnlyList<ConfigProblem>) Start(Action<GateBuilder> build) => GatewayRuntime.Start(
        () =>
        {
            var loaded = ConfigFile.Load("postern.yaml", Features.Grammar, path => path == "postern.yaml" ? "version: 1\ntelemetry: { accessLog: { to: off } }\n" : File.ReadAllText(path));
            var gateway = new GatewayBuilder(loaded);
            gateway.Upstream("up", "http://127.0.0.1:1");
            gateway.Gate("web", build);
            Validation.Run(loaded.Config, loaded.Check);
            return loaded;
        },
        NullLogger.Instance, TimeProvider.System);
}
