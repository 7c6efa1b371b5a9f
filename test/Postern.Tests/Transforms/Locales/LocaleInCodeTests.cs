using Microsoft.Extensions.Logging.Abstractions;
using Postern.Backends.Composing;
using Postern.Config;
using Postern.Config.Yaml;
using Postern.Edge.Authenticating;
using Postern.Runtime;
using Postern.Transforms.Locales;
using Postern.Transforms.Shaping;

namespace Postern.Tests.Transforms.Locales;

/// <summary>Locales in C#: the same record, held to the same.</summary>
public sealed class LocaleInCodeTests
{
    [Fact]
    public void Code_says_what_YAML_says()
    {
        var (runtime, problems) = Start(gateway =>
        {
            gateway.Upstream("up", "http://127.0.0.1:1");
            gateway.Gate("web", gate =>
            {
                gate.IdentityOff().Locale("en-US", "de-DE");
                gate.Get("/a").Compose(c => c.Source("a", s => s.Get("http://up/a"))).Shape("money(a.total, 'EUR')");
                gate.Get("/b").Compose(c => c.Source("a", s => s.Get("http://up/a"))).Shape("money(a.total, 'EUR')").Locale("sv");
                gate.Get("/c").Compose(c => c.Source("a", s => s.Get("http://up/a"))).Shape("money(a.total, 'EUR')").LocaleOff();
                gate.Get("/d").Compose(c => c.Source("a", s => s.Get("http://up/a"))).Shape("a.total");
            });
        });
        Assert.Empty(problems);
        using (runtime)
        {
            string Told(string path, params (string, string)[] fields) => Explain.Request(runtime!.Snapshot, "GET", "a", path, fields).Text;
            Assert.Contains("locale   en-US, or de-DE by Accept-Language; here en-US", Told("/a"), StringComparison.Ordinal);
            Assert.Contains("locale   en-US, or de-DE by Accept-Language; here de-DE", Told("/a", ("Accept-Language", "de")), StringComparison.Ordinal);
            Assert.Contains("locale   sv-SE", Told("/b"), StringComparison.Ordinal);
            Assert.Contains("locale   en-US", Told("/c"), StringComparison.Ordinal);
            Assert.DoesNotContain("locale", Told("/d"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_is_wrong_is_told_with_its_line()
    {
        var (runtime, problems) = Start(gateway => gateway.Gate("web", gate => gate.IdentityOff().Locale("en-US", "de_AT").Get("/a").Locale("dk")));
        Assert.Null(runtime);
        Assert.Collection(
            problems.Where(p => p.Path.Contains("locale", StringComparison.Ordinal)).Select(p => p.ToString()),
            p => Assert.Matches(@"LocaleInCodeTests\.cs:\d+:1: gates\.web\.locale\[1\]: no locale 'de_AT'; write 'de-AT'", p),
            p => Assert.Matches(@"LocaleInCodeTests\.cs:\d+:1: gates\.web\.routes\[0\]\.locale(\[0\])?: no locale 'dk'; ", p));
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
