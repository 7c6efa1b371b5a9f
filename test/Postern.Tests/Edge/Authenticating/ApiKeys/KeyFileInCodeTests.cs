using Microsoft.Extensions.Logging.Abstractions;
using Postern.Backends.Responding;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Runtime;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.ApiKeys;

/// <summary>A file of keys that C# names is held to what one in YAML is: its mistakes are told, and its changes are seen.</summary>
public sealed class KeyFileInCodeTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void It_is_read_and_watched()
    {
        var file = folder.Write("keys.yaml", $"keys:\n  - {{ name: acme, hash: {KeyOptions.For("acme", "k").Hash} }}\n");
        var loaded = PosternExtensions.Load(null, builder => Build(builder, file));
        Assert.Empty(loaded.Check.Problems);
        Assert.Equal([file], loaded.Texts.Keys);
        Assert.Equal("acme", loaded.Config.Root.Written<IdentitySection>().Identity!["partners"].ApiKey!.Keys!.Keys.Single().Name);
    }

    [Fact]
    public void Its_mistakes_are_told_by_its_lines()
    {
        var file = folder.Write("keys.yaml", "keys:\n  - { name: acme, hash: 1 }\n  - { nam: acme }\n");
        var (runtime, problems) = GatewayRuntime.Start(() => PosternExtensions.Load(null, builder => Build(builder, file)), NullLogger.Instance, TimeProvider.System);
        Assert.Null(runtime);
        Assert.Equal(
            [$"{file}:2:25: keys[0].hash", $"{file}:3:5: keys[1].hash", $"{file}:3:7: keys[1]"],
            problems.Select(p => $"{p.Position}: {p.Path}"));
        (_, problems) = GatewayRuntime.Start(() => PosternExtensions.Load(null, builder => Build(builder, folder["none.yaml"])), NullLogger.Instance, TimeProvider.System);
        Assert.Equal($"can't read '{folder["none.yaml"]}': no such file; make it with: postern keys create --name NAME --file {folder["none.yaml"]}", Assert.Single(problems).Message);
    }

    private static void Build(GatewayBuilder builder, string file)
    {
        var origin = Place.Of("Program.cs", 7, "identity.partners");
        builder.Root<IdentitySection>(o => o with
        {
            Identity = new Dictionary<string, WayOptions>
            {
                ["partners"] = new() { Origin = origin, ApiKey = new ApiKeyOptions { Header = "X-Api-Key", Origin = origin.At("apiKey"), Keys = builder.KeyFile(file, origin.At("apiKey.keys")) } },
            },
        });
        builder.Gate("web", gate => gate.Identity("partners").Get("/hi").Respond(200, "hello"));
    }
}
