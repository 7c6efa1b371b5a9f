using Microsoft.Extensions.Logging.Abstractions;
using Postern.Backends.Proxying;
using Postern.Config;
using Postern.Edge.Authenticating;
using Postern.Runtime;
using Postern.Tests.Harness;
using Postern.Tests.Runtime;
using Postern.Transforms.Shaping;
using Postern.Transforms.Trimming;

namespace Postern.Tests.Transforms.Trimming;

/// <summary>drop, pick and rename in C#: the same records, held to the same.</summary>
public sealed class TrimInCodeTests
{
    [Fact]
    public async Task Code_says_what_YAML_says()
    {
        await using var upstream = ScriptedUpstream.Answering(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 39\r\n\r\n{\"a\":1,\"b\":[{\"c\":2,\"d\":3}],\"e\":{\"f\":4}}");
        var (runtime, problems) = Start(gateway =>
        {
            gateway.Upstream("up", upstream.Url);
            gateway.Gate("web", gate =>
            {
                gate.IdentityOff().Drop("a", "b[].d").Rename("b[].c", "C").Rename("b", "B");
                gate.Get("/inherited").To("http://up");
                gate.Get("/picked").To("http://up").Pick("b", "e.f").RenameOff();
                gate.Get("/own").To("http://up").Drop("b").Rename("e.f", "F").PickOff();
                gate.Get("/off").To("http://up").DropOff().RenameOff();
                gate.Get("/shaped").To("http://up").Shape("B[0]").MaxBytes(1024);
            });
        });
        Assert.Empty(problems);
        using (runtime)
        {
            Assert.Equal("""{"B":[{"C":2}],"e":{"f":4}}""", await InMemory.AskAsync(runtime!, "/inherited"));
            Assert.Equal("""{"b":[{"c":2}],"e":{"f":4}}""", await InMemory.AskAsync(runtime!, "/picked"));
            Assert.Equal("""{"a":1,"e":{"F":4}}""", await InMemory.AskAsync(runtime!, "/own"));
            Assert.Equal("""{"a":1,"b":[{"c":2,"d":3}],"e":{"f":4}}""", await InMemory.AskAsync(runtime!, "/off"));
            Assert.Equal("""{"C":2}""", await InMemory.AskAsync(runtime!, "/shaped"));
            Assert.Contains("trim     drop a, b[].d; rename b[].c to C, b to B", Explain.Request(runtime!.Snapshot, "GET", "a", "/inherited", []).Text, StringComparison.Ordinal);
            Assert.Contains("shape    the whole answer is read, up to 1KB, and shaped", Explain.Request(runtime.Snapshot, "GET", "a", "/shaped", []).Text, StringComparison.Ordinal);
            Assert.DoesNotContain("trim", Explain.Request(runtime.Snapshot, "GET", "a", "/off", []).Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_is_wrong_is_told_with_its_line()
    {
        var (runtime, problems) = Start(gateway =>
        {
            gateway.Upstream("up", "http://127.0.0.1:1");
            gateway.Gate("web", gate =>
            {
                gate.IdentityOff();
                gate.Get("/a").To("http://up").Drop("a[0].b").Pick();
                gate.Get("/b").To("http://up").Rename("a", "c").Rename("b", "c");
            });
        });
        Assert.Null(runtime);
        Assert.Collection(
            problems,
            p => Assert.Contains("drop[0]: a path takes all entries of a list, got 'a[0].b'; write a[].b", p.ToString(), StringComparison.Ordinal),
            p => Assert.Contains("pick: the list is empty; write a path or remove it", p.ToString(), StringComparison.Ordinal),
            p => Assert.Contains("rename.b: 'a' becomes 'c' already", p.ToString(), StringComparison.Ordinal));
        Assert.All(problems, p => Assert.Contains("TrimInCodeTests.cs:", p.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public void Sections_that_say_the_same_are_equal()
    {
        Assert.Equal(Written("a", "b"), Written("a", "b"));
        Assert.NotEqual(Written("a", "b"), Written("b", "a"));

        static TrimSection Written(string drop, string pick)
        {
            var loaded = PosternExtensions.Load(null, g => g.Gate("web", gate => gate.IdentityOff().Drop(drop).Pick(pick).Rename("c", "d")));
            return loaded.Config.Gates[0].Sections.Written<TrimSection>();
        }
    }

    private static (GatewayRuntime? Runtime, IReadOnlyList<ConfigProblem> Problems) Start(Action<GatewayBuilder> build) =>
        GatewayRuntime.Start(() => PosternExtensions.Load(null, build), NullLogger.Instance, TimeProvider.System);
}
