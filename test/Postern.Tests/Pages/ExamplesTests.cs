using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config.Yaml;
using Postern.Redis;
using Postern.Runtime;
using Postern.Tests.Harness;

namespace Postern.Tests.Pages;

/// <summary>
/// Every <c>```yaml</c> block of README.md and docs/ is a configuration that compiles. CONTRIBUTING.md says how a part of
/// one is made whole.
/// </summary>
public sealed partial class ExamplesTests
{
    private static readonly string[] RootKeys = ["version", "listen", "admin", "trustedProxies", "drain", "telemetry", "forwardIdentity", "tiers", "redis", "upstreams", "gates"];

    /// <summary>The ways that parts of a configuration may list without defining them.</summary>
    private const string Ways = """
        identity:
          customers: { jwt: { issuer: "https://auth.example.com", audience: api.example.com, discovery: true } }
          opaque: { introspection: { endpoint: "https://auth.example.com/introspect", clientId: postern, clientSecret: s3cret-of-the-gateway } }
          partners: { apiKey: { header: X-Api-Key, keys: keys.yaml } }

        """;

    private static readonly Lazy<string> PublicKey = new(() =>
    {
        using var key = RSA.Create(2048);
        return key.ExportSubjectPublicKeyInfoPem();
    });

    private static string PrivateKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKeyPem();
    }

    public static TheoryData<string, string> Blocks()
    {
        var data = new TheoryData<string, string>();
        var files = Directory.EnumerateFiles(Repository.File("docs"), "*.md", SearchOption.AllDirectories)
            .Append(Repository.File("README.md")).Append(Repository.File("CONTRIBUTING.md")).Where(File.Exists);
        foreach (var file in files.Order(StringComparer.Ordinal))
        {
            var text = File.ReadAllText(file);
            foreach (Match match in Yaml().Matches(text))
            {
                var line = text.AsSpan(0, match.Index).Count('\n') + 1;
                data.Add($"{Path.GetRelativePath(Repository.Root, file)}:{line}", match.Groups["text"].Value);
            }
        }
        // So that there is a case as long as no page has a block.
        data.Add("(a route)", "- get: /hi\n  respond: 200\n");
        return data;
    }

    [Theory]
    [MemberData(nameof(Blocks))]
    public void A_block_of_YAML_compiles(string place, string block)
    {
        var whole = Whole(Dedent(block));
        var (runtime, problems) = GatewayRuntime.Start(
            () =>
            {
                var loaded = ConfigFile.Load("postern.yaml", Features.Grammar, path => path == "postern.yaml" ? whole : Held(path), _ => "value-of-an-environment-variable");
                new GatewayBuilder(loaded).UseRedis();
                return loaded;
            },
            NullLogger.Instance, TimeProvider.System);
        runtime?.Dispose();
        Assert.True(runtime is not null && problems.Count == 0, $"{place}\n{string.Join('\n', problems)}\n\n{whole}");
    }

    /// <summary>What a file holds here that an example names.</summary>
    private static string Held(string path) => Path.GetExtension(path) switch
    {
        ".key" => PrivateKey(),
        ".pem" => PublicKey.Value,
        ".binpb" => Encoding.Latin1.GetString(File.ReadAllBytes(Repository.File("samples", "shop", "protos", "shop.binpb"))),
        _ => Path.GetFileName(path) == "keys.yaml" ? Keys : Gate,
    };

    private const string Keys = "keys: [{ name: acme, hash: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, last4: x2Qf }]\n";

    private const string Gate = "match: { path: /included }\nidentity: off\nroutes:\n  - get: /hi\n    respond: 200\n";

    /// <summary>A part of a configuration, with what it needs around it.</summary>
    private static string Whole(string block)
    {
        var first = FirstKey().Match(block).Groups[1].Value;
        if (first == "-")
        {
            // Routes.
            block = "gates:\n  example:\n    identity: off\n    routes:\n" + Indent(block, 6);
        }
        else if (!RootKeys.Contains(first) && !DefinesWays().IsMatch(block))
        {
            // Keys of a gate, as in a file of its own.
            var routes = TopKeys().Matches(block).Any(m => m.Groups[1].Value == "routes") ? "" : "    routes: [{ get: /hi, respond: 200 }]\n";
            var identity = TopKeys().Matches(block).Any(m => m.Groups[1].Value == "identity") ? "" : "    identity: off\n";
            block = "gates:\n  example:\n" + Indent(block, 4) + identity + routes;
        }
        var keys = TopKeys().Matches(block).Select(m => m.Groups[1].Value).ToHashSet();
        var whole = new StringBuilder(block);
        if (keys.Contains("version"))
        {
            // A whole file has all it needs.
            return whole.ToString();
        }
        if (!DefinesWays().IsMatch(block))
        {
            whole.Append(Ways);
        }
        if (!keys.Contains("gates"))
        {
            whole.Append("gates: { example: { identity: off, routes: [{ get: /hi, respond: 200 }] } }\n");
        }
        if (!keys.Contains("upstreams"))
        {
            whole.Append("upstreams:\n");
            var names = Targets().Matches(block).Select(m => m.Groups[1].Value).Distinct().ToList();
            names.ForEach(n => whole.Append($"  {n}: {{ url: \"http://10.0.0.5:5000\" }}\n"));
            if (names.Count == 0)
            {
                whole.Append("  example: { url: \"http://10.0.0.5:5000\" }\n");
            }
        }
        return whole.Append("version: 1\n").ToString();
    }

    private static string Indent(string text, int by) =>
        string.Concat(text.TrimEnd('\n').Split('\n').Select(l => (l.Length == 0 ? "" : new string(' ', by) + l) + "\n"));

    private static string Dedent(string block)
    {
        var lines = block.ReplaceLineEndings("\n").Split('\n');
        var by = lines.Where(l => l.Trim().Length > 0).Min(l => l.Length - l.TrimStart().Length);
        return string.Join('\n', lines.Select(l => l.Length >= by ? l[by..] : "")).TrimEnd('\n', ' ') + "\n";
    }

    [GeneratedRegex("""^[ ]*```yaml[ ]*\n(?<text>.*?)^[ ]*```""", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Yaml();

    [GeneratedRegex(@"^(-|[\w-]+(?=:))", RegexOptions.Multiline)]
    private static partial Regex FirstKey();

    /// <summary><c>identity</c> of the root: a mapping of ways; that of a gate lists their names.</summary>
    [GeneratedRegex(@"^identity:[ ]*(#.*)?\n[ ]+[\w-]+:", RegexOptions.Multiline)]
    private static partial Regex DefinesWays();

    [GeneratedRegex(@"^([\w-]+):", RegexOptions.Multiline)]
    private static partial Regex TopKeys();

    [GeneratedRegex(@"(?:to|url|get|post|put|patch|delete): *""?http://([a-z][\w-]*)[/?\s""]")]
    private static partial Regex Targets();
}
