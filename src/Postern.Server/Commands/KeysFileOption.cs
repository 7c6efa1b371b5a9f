using System.CommandLine;
using Postern.Config;
using Postern.Config.Yaml;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Server.Commands;

/// <summary>Which file of keys is meant: its path, or the one that a configuration names.</summary>
internal sealed class KeysFileOption
{
    private const string DefaultFile = "keys.yaml";
    private const string DefaultConfig = "postern.yaml";

    private readonly Option<string> file = new("--file", "-f") { Description = $"The file of keys. [default: {DefaultFile}]", HelpName = "FILE" };
    private readonly Option<string> config = new("--config", "-c") { Description = "Instead of --file: the main configuration file, whose file of keys is meant.", HelpName = "FILE" };
    private readonly Option<string> identity = new("--identity", "-i") { Description = "Which one, where the configuration names several files of keys.", HelpName = "NAME" };

    public void AddTo(Command command)
    {
        command.Add(file);
        command.Add(config);
        command.Add(identity);
        command.Validators.Add(result =>
        {
            if (result.GetResult(file) is not null && (result.GetResult(config) ?? result.GetResult(identity)) is not null)
            {
                result.AddError("--file names the file of keys, --config and --identity find it in a configuration; write one or the other.");
            }
        });
    }

    /// <summary>The file's path.</summary>
    public string Of(ParseResult parsed) =>
        parsed.GetResult(config) is null && parsed.GetResult(identity) is null
            ? parsed.GetValue(file) ?? DefaultFile
            : Named(parsed.GetValue(config) ?? DefaultConfig, parsed.GetValue(identity));

    /// <summary>The file that a configuration names. It may have mistakes elsewhere, or name a file that isn't there yet.</summary>
    private static string Named(string config, string? identity)
    {
        var loaded = ConfigFile.Load(config, Features.Grammar);
        var ways = (loaded.Config.Root.Written<IdentitySection>().Identity ?? new Dictionary<string, WayOptions>())
            .Where(w => w.Value.ApiKey is not null).ToDictionary(w => w.Key, w => Path(w.Value.ApiKey!));
        if (ways.Count == 0)
        {
            throw new KeysException(loaded.Check.Problems is { Count: > 0 } problems
                ? string.Join(Environment.NewLine, problems)
                : $"{config}: no apiKey under identity; write --file, or add identity: {{ partners: {{ apiKey: {{ header: X-Api-Key, keys: keys.yaml }} }} }}");
        }
        if (identity is not null && !ways.ContainsKey(identity))
        {
            throw new KeysException($"{config}: no apiKey named '{identity}' under identity{Nearest.Hint(identity, ways.Keys)} (there are {string.Join(", ", ways.Keys)})");
        }
        string?[] paths = identity is not null ? [ways[identity]] : [.. ways.Values.Distinct()];
        return paths switch
        {
            [{ } only] => only,
            [null] => throw new KeysException($"{config}: the keys of {identity ?? ways.Keys.First()} stand in the configuration itself; move them to a file and name it: keys: keys.yaml"),
            _ => throw new KeysException($"{config}: several files of keys: {string.Join(", ", ways.Select(w => $"{w.Key} ({w.Value ?? "none"})"))}; say whose with --identity NAME"),
        };
    }

    /// <summary>The path as written, from where the command runs.</summary>
    private static string? Path(ApiKeyOptions options) =>
        options.Origin is { } origin && origin.Has("keys") && origin.At("keys") is { Text: { Length: > 0 } text, File: { } from }
            ? System.IO.Path.Combine(System.IO.Path.GetDirectoryName(from) ?? "", text)
            : null;
}
