using Microsoft.Extensions.Logging.Abstractions;
using Postern.Backends.Proxying;
using Postern.Backends.Proxying.Mirroring;
using Postern.Config;
using Postern.Config.Yaml;
using Postern.Edge.Authenticating;
using Postern.Runtime;
using Postern.Tests.Harness;
using Postern.Tests.Runtime;
using Postern.Transforms.FallingBack;

namespace Postern.Tests.Transforms.FallingBack;

/// <summary>Fallbacks and mirrors in C#: the same records, held to the same.</summary>
public sealed class FallbackInCodeTests
{
    [Fact]
    public async Task Code_says_what_YAML_says()
    {
        using var folder = new TempFolder();
        var (runtime, problems) = Start(gateway =>
        {
            gateway.Upstream("down", "http://127.0.0.1:1");
            gateway.Gate("web", gate =>
            {
                gate.IdentityOff().Fallback(503, "gate").Mirror("http://down");
                gate.Get("/a").To("http://down");
                gate.Get("/b").To("http://down").Fallback(200, "[]", new Dictionary<string, string> { ["X-A"] = "b" });
                gate.Get("/c").To("http://down").FallbackOff().MirrorOff();
                gate.Get("/d").To("http://down").FallbackOff().Fallback(new FallbackOptions { File = gateway.TextFile(folder.Write("page.html", "<p>")), On = [FallbackCause.Status(500, 599)] });
                gate.Get("/e").To("http://down").FallbackTo("http://down/e").Mirror(new MirrorOptions { To = "http://down", Sample = new Percent(10), MaxConcurrent = 5 });
            });
        });
        Assert.Empty(problems);
        using (runtime)
        {
            Assert.Equal(("gate", "[]", "<p>"), (await InMemory.AskAsync(runtime!, "/a"), await InMemory.AskAsync(runtime!, "/b"), await InMemory.AskAsync(runtime!, "/d")));
            Assert.Contains("upstream-unreachable", await InMemory.AskAsync(runtime!, "/c"), StringComparison.Ordinal);
            Assert.Contains("upstream-unreachable", await InMemory.AskAsync(runtime!, "/e"), StringComparison.Ordinal);
            var (text, _) = Explain.Request(runtime!.Snapshot, "GET", "a", "/e", []);
            Assert.Contains("fallback asks http://down/e on connect, timeout, open, full, empty", text, StringComparison.Ordinal);
            Assert.Contains("proxy    10% copied to http://down, 5 at once, bodies to 64KB", text, StringComparison.Ordinal);
            Assert.DoesNotContain("fallback", Explain.Request(runtime.Snapshot, "GET", "a", "/c", []).Text, StringComparison.Ordinal);
            Assert.Contains("fallback answers 200, X-A: b, Content-Type: application/json, 2 bytes", Explain.Request(runtime.Snapshot, "GET", "a", "/b", []).Text, StringComparison.Ordinal);
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
                gate.Get("/a").To("http://up").Fallback(new FallbackOptions { Body = "x", On = [FallbackCause.Status(200)] });
                gate.Get("/b").To("http://up").Fallback(new FallbackOptions());
                gate.Get("/c").To("http://up").FallbackTo("http://upp");
                gate.Get("/d").To("http://up").Mirror("http://upp/{id}");
            });
        });
        Assert.Null(runtime);
        Assert.Collection(
            problems.Select(p => p.ToString()),
            p => Assert.Matches(@"FallbackInCodeTests\.cs:\d+:1: gates\.web\.routes\[0\]\.fallback\.on\[0\]: a fallback stands in for failures, got '200'", p),
            p => Assert.Matches(@"FallbackInCodeTests\.cs:\d+:1: gates\.web\.routes\[1\]\.fallback: a fallback needs an answer", p),
            p => Assert.Matches(@"FallbackInCodeTests\.cs:\d+:1: gates\.web\.routes\[2\]\.fallback\.to: no upstream named 'upp'; did you mean 'up'\?", p),
            p => Assert.Matches(@"FallbackInCodeTests\.cs:\d+:1: gates\.web\.routes\[3\]\.mirror\.to: no upstream named 'upp'; did you mean 'up'\?", p));
    }

    private static (GatewayRuntime?, IReadOnlyList<ConfigProblem>) Start(Action<GatewayBuilder> build) => GatewayRuntime.Start(
        () =>
        {
            var loaded = ConfigFile.Load("postern.yaml", Features.Grammar, path => path == "postern.yaml" ? "version: 1\ntelemetry: { accessLog: { to: off } }\n" : File.ReadAllText(path));
            build(new GatewayBuilder(loaded));
            Validation.Run(loaded.Config, loaded.Check);
            return loaded;
        },
        NullLogger.Instance, TimeProvider.System);
}
