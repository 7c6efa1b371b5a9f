using Postern.Backends.Proxying;
using Postern.Config;
using Postern.Config.Yaml;
using Postern.Pipeline;
using Postern.Tests.Harness;
using Postern.Upstreams.Forwarding;

namespace Postern.Tests.Config.Yaml;

public sealed class ConfigFileTests
{
    private const string TwoGates = """
        version: 1
        upstreams:
          orders: { url: http://127.0.0.1:5003, maxConnections: 7 }
        gates:
          web:
            headers: { request: { set: { X-Gate: web } } }
            timeout: 2s
            identity: off
            routes:
              - { get: /a, to: [http://orders/a, http://orders/b], sticky: "cookie:${env:COOKIE}" }
          mobile: { include: gates/mobile.yaml }
        --- gates/mobile.yaml
        match: { path: /mobile }
        identity: off
        routes:
          - any: "/{**rest}"
            to: http://orders
            headers: { request: { set: { Authorization: "Bearer ${file:/run/secrets/token}" } } }
        --- /run/secrets/token
        hush-hush
        --- ${env:COOKIE}
        sid
        ===
        ok
        """;

    [Fact]
    public void Every_file_that_was_read_is_told_with_its_text()
    {
        var loaded = ConfigCase.Parse(TwoGates).Load();
        Assert.Empty(loaded.Check.Problems);
        Assert.Equal(["postern.yaml", "gates/mobile.yaml", "/run/secrets/token"], loaded.Texts.Keys);
        Assert.Equal("hush-hush\n", loaded.Texts["/run/secrets/token"]);
        Assert.Equal(["postern.yaml", "gates/mobile.yaml"], loaded.Config.Files);
    }

    [Fact]
    public void A_file_that_is_missing_is_told_too_so_that_its_coming_is_a_change()
    {
        var loaded = ConfigCase.Load("version: 1\ngates:\n  mobile: { include: gates/mobile.yaml }\n");
        Assert.Contains("gates/mobile.yaml", loaded.Texts.Keys);
        Assert.NotEqual("", loaded.Texts["gates/mobile.yaml"]);
    }

    [Fact]
    public void What_is_told_of_a_file_is_what_looking_again_sees()
    {
        var folder = Directory.CreateTempSubdirectory("postern-");
        try
        {
            var main = Path.Combine(folder.FullName, "postern.yaml");
            File.WriteAllText(main, "\uFEFFversion: 1\ngates:\n  a: { include: a.yaml }\n  b: { include: b.yaml }\n  c: { include: . }\n");
            File.WriteAllBytes(Path.Combine(folder.FullName, "a.yaml"), [0x6f, 0xff, 0xfe]);
            File.WriteAllText(Path.Combine(folder.FullName, "b.yaml"), new string('#', (1 << 20) + 1));
            var loaded = ConfigFile.Load(main, Features.Grammar);
            Assert.Equal(4, loaded.Texts.Count);
            Assert.All(loaded.Texts, f => Assert.Equal(ConfigFile.Peek(f.Key), f.Value));
            Assert.Equal(
                [$"can't read '{folder.FullName}/a.yaml': it is not UTF-8 text; save it as UTF-8", $"can't read '{folder.FullName}/b.yaml': it is larger than 1MB; split it", $"can't read '{folder.FullName}/.': it is a directory; name a file"],
                loaded.Check.Problems.Select(p => p.Message));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_file_that_is_not_text_is_seen_as_it_was_until_it_changes()
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["set.binpb"], [0x0a, 0xff, 0x00]);
        File.WriteAllBytes(folder["large.binpb"], new byte[(4 << 20) + 1]);
        var loaded = ConfigFile.Load(folder.Write("postern.yaml", """
            version: 1
            upstreams:
              a: { url: http://127.0.0.1:1, protocol: grpc, descriptors: set.binpb }
              b: { url: http://127.0.0.1:1, protocol: grpc, descriptors: large.binpb }
              c: { url: http://127.0.0.1:1, protocol: grpc, descriptors: none.binpb }
            """), Features.Grammar);
        Assert.Equal(4, loaded.Texts.Count);
        Assert.All(loaded.Texts, f => Assert.Equal(f.Value, ConfigFile.Peek(f.Key, f.Value)));
        Assert.Contains(loaded.Check.Problems, p => p.Message == "can't read 'large.binpb': it is larger than 4MB; leave out what isn't called");

        File.WriteAllBytes(folder["set.binpb"], [0x0a, 0xff, 0x01]);
        File.WriteAllBytes(folder["large.binpb"], [0x0a]);
        File.WriteAllBytes(folder["none.binpb"], [0x0a]);
        Assert.Equal(3, loaded.Texts.Count(f => ConfigFile.Peek(f.Key, f.Value) != f.Value));
    }

    [Fact]
    public void A_mistake_in_a_gate_belongs_to_that_gate()
    {
        var loaded = ConfigCase.Load("""
            version: 1
            drain: 3s
            gates:
              web: { identity: off, routes: [{ get: /a, respond: gone }] }
              mobile: { include: gates/mobile.yaml }
              partner: { identity: off, routes: [{ get: /a, respond: 204 }] }
            """);
        Assert.Equal([null, "web", "mobile"], loaded.Check.Problems.Select(p => p.Gate));
        Assert.True(loaded.Check.Failed("mobile"));
        Assert.False(loaded.Check.Failed("partner"));
        Assert.Equal(["web", "mobile", "partner"], loaded.Config.Gates.Select(g => g.Name));
        Assert.Equal("gates/mobile.yaml", loaded.Config.Gates[1].File);
    }

    [Fact]
    public void The_same_text_makes_equal_records()
    {
        var (one, two) = (ConfigCase.Parse(TwoGates).Load().Config, ConfigCase.Parse("# moved down a line\n" + TwoGates).Load().Config);
        Assert.Equal(one.Gates[0].Routes[0].Sections.Written<ProxyOptions>(), two.Gates[0].Routes[0].Sections.Written<ProxyOptions>());
        Assert.Equal(one.Upstreams[0].Sections.Written<ForwardingOptions>(), two.Upstreams[0].Sections.Written<ForwardingOptions>());
        Assert.NotEqual(one.Gates[0].Routes[0].Sections.Written<ProxyOptions>(), one.Gates[1].Routes[0].Sections.Written<ProxyOptions>());
    }

    [Fact]
    public void What_a_route_takes_over_from_its_gate_is_named_at_the_gate()
    {
        var gate = ConfigCase.Parse(TwoGates).Load().Config.Gates[0];
        var options = Sections.Effective<ProxyOptions>(gate.Routes[0].Sections, gate.Sections);
        var timeout = Sections.Effective<TimeoutSection>(gate.Routes[0].Sections, gate.Sections);
        Assert.Equal(TimeSpan.FromSeconds(2), timeout.Timeout);
        Assert.Equal("postern.yaml:7:14", timeout.Origin!.At("timeout").Position);
        Assert.Equal("gates.web.routes[0].to[1]", options.Origin!.At("to[1].url").Path);
        Assert.Equal("postern.yaml:10:42", options.Origin!.At("to[1].url").Position);
    }

    [Fact]
    public void A_template_has_its_place()
    {
        var route = ConfigCase.Parse(TwoGates).Load().Config.Gates[1].Routes[0];
        Assert.Equal("*", route.Method);
        Assert.Equal("/{**rest}", route.Template);
        Assert.Equal("gates/mobile.yaml:4:10", route.Sections.Origin.At("any").Position);
    }

    [Fact]
    public void Mappings_keep_their_order()
    {
        var loaded = ConfigCase.Load("version: 1\ngates:\n  g:\n    routes:\n      - { get: /a, respond: { headers: { Zed: 1, Alpha: 2, Mid: 3 } } }\n");
        var headers = loaded.Config.Gates[0].Routes[0].Sections.Written<Postern.Backends.Responding.RespondSection>().Respond!.Headers;
        Assert.Equal(["Zed", "Alpha", "Mid"], headers.Keys);
        Assert.Equal("2", headers["Alpha"]);
    }

    [Fact]
    public void No_text_makes_it_throw_or_speak_with_an_exceptions_words()
    {
        var golden = string.Join('\n', GoldenConfigTests.Read("valid-everything").Files[ConfigCase.Main]);
        var random = new Random(20261);
        const string Odd = "{}[]:,-#&*!|>'\"%@`?\t \n\\~<$a1\0é";
        for (var i = 0; i < 1500; i++)
        {
            var text = golden.ToList();
            for (var change = random.Next(1, 5); change > 0; change--)
            {
                var at = random.Next(text.Count);
                switch (random.Next(3))
                {
                    case 0: text[at] = Odd[random.Next(Odd.Length)]; break;
                    case 1: text.Insert(at, Odd[random.Next(Odd.Length)]); break;
                    default: text.RemoveRange(at, Math.Min(text.Count - at, random.Next(1, 30))); break;
                }
            }
            var problems = ConfigCase.Load(string.Concat(text)).Check.Problems;
            Assert.DoesNotContain(problems, p => p.Message.Contains("While ") || p.Message.Contains("Exception") || p.Message.Contains("expected <"));
        }
    }
}
