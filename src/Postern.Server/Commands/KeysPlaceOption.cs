using System.CommandLine;
using Postern.Config;
using Postern.Config.Yaml;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Server.Commands;

/// <summary>Which keys are meant: those of a file, of a Redis, or of the one or the other that a configuration names.</summary>
internal sealed class KeysPlaceOption
{
    private const string DefaultFile = "keys.yaml";
    private const string DefaultConfig = "postern.yaml";
    private const string Redis = "--redis";

    private readonly Option<string> file = new("--file", "-f") { Description = $"The file of keys. [default: {DefaultFile}]", HelpName = "FILE" };
    private readonly Option<string> redis = new(Redis) { Description = "Instead of --file: the Redis that holds the keys, redis://127.0.0.1:6379.", HelpName = "URL" };
    private readonly Option<string> prefix = new("--prefix") { Description = "With --redis: what the names of its keys begin with, where redis.prefix says another. [default: postern]", HelpName = "TEXT" };
    private readonly Option<string> config = new("--config", "-c") { Description = "Instead of --file: the main configuration file, whose keys are meant.", HelpName = "FILE" };
    private readonly Option<string> identity = new("--identity", "-i") { Description = "Which ones, where the configuration names several places of keys.", HelpName = "NAME" };

    public void AddTo(Command command)
    {
        command.Add(file);
        command.Add(redis);
        command.Add(prefix);
        command.Add(config);
        command.Add(identity);
        command.Validators.Add(result =>
        {
            var found = result.GetResult(config) ?? result.GetResult(identity);
            if (result.GetResult(file) is not null && found is not null)
            {
                result.AddError("--file names the file of keys, --config and --identity find it in a configuration; write one or the other.");
            }
            if (result.GetResult(redis) is not null && (result.GetResult(file) ?? found) is not null)
            {
                result.AddError($"{Redis} names the Redis that holds the keys; write it, or --file, or --config.");
            }
            if (result.GetResult(prefix) is not null && result.GetResult(redis) is null)
            {
                result.AddError($"--prefix belongs to {Redis}; write both, or --config.");
            }
        });
        redis.Validators.Add(result =>
        {
            if (result.Tokens is [var url] && RedisUrl.Parse(url.Value, out var problem) is null)
            {
                result.AddError($"{Redis}: {problem}.");
            }
        });
        prefix.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value.Length: 0 or > RedisOptions.LongestPrefix }])
            {
                result.AddError($"--prefix: 1 to {RedisOptions.LongestPrefix} characters are needed.");
            }
        });
    }

    /// <summary>The place.</summary>
    public KeysPlace Of(ParseResult parsed)
    {
        if (parsed.GetValue(redis) is { } url)
        {
            var options = new RedisOptions { Url = url };
            return new KeysInRedis(options with { Prefix = parsed.GetValue(prefix) ?? options.Prefix }, $"{Redis} {RedisUrl.Parse(url, out _)}");
        }
        return parsed.GetResult(config) is null && parsed.GetResult(identity) is null
            ? new KeysFile(parsed.GetValue(file) ?? DefaultFile)
            : Named(parsed.GetValue(config) ?? DefaultConfig, parsed.GetValue(identity));
    }

    /// <summary>The place that a configuration names. It may have mistakes elsewhere, or name a file that isn't there yet.</summary>
    private static KeysPlace Named(string config, string? identity)
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
            [Redis] => InRedis(config, loaded),
            [{ } only] => new KeysFile(only),
            [null] => throw new KeysException($"{config}: the keys of {identity ?? ways.Keys.First()} stand in the configuration itself; move them to a file and name it: keys: keys.yaml"),
            _ => throw new KeysException($"{config}: several files of keys: {string.Join(", ", ways.Select(w => $"{w.Key} ({(w.Value == Redis ? KeyFileOptions.InRedis : w.Value ?? "none")})"))}; say whose with --identity NAME"),
        };
    }

    private static KeysInRedis InRedis(string config, LoadedConfig loaded)
    {
        if (loaded.Config.Root.Written<GatewayOptions>().Redis is not { Url: { } url } options || RedisUrl.Parse(url, out _) is null)
        {
            throw new KeysException(loaded.Check.Problems.Where(p => p.Path.StartsWith("redis", StringComparison.Ordinal)).ToList() is { Count: > 0 } problems
                ? string.Join(Environment.NewLine, problems)
                : $"{config}: its keys are in Redis, and the root names none; add redis: redis://127.0.0.1:6379");
        }
        return new KeysInRedis(options, $"--config {config}");
    }

    /// <summary>The path as written, from where the command runs; <c>--redis</c>, which is no path from anywhere, for keys in Redis.</summary>
    private static string? Path(ApiKeyOptions options) =>
        options.Keys is { IsRedis: true } ? Redis
        : options.Origin is { } origin && origin.Has("keys") && origin.At("keys") is { Text: { Length: > 0 } text, File: { } from }
            ? System.IO.Path.Combine(System.IO.Path.GetDirectoryName(from) ?? "", text)
            : null;
}
