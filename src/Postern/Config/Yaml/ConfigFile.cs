namespace Postern.Config.Yaml;

/// <summary>What came of reading a configuration.</summary>
/// <param name="Config">What was written, as far as it could be read; a gate whose file is broken is there without routes.</param>
/// <param name="Check">Everything found wrong.</param>
/// <param name="Texts">Every file that was read (main file, includes, files of secrets) by path, as <see cref="ConfigFile.Peek"/> gives it: to
/// see what changed, compare. One that couldn't be read is among them, so that its coming is a change too.</param>
internal sealed record LoadedConfig(GatewayConfig Config, Check Check, IReadOnlyDictionary<string, string> Texts);

/// <summary>A configuration from YAML: read, bound to the options records, and checked by what those say of themselves.</summary>
internal static class ConfigFile
{
    /// <summary>What there is of a file now: its text, or a mark where it can't be read.</summary>
    public static string Peek(string path) => Sources.Peek(path);

    /// <summary>
    /// Reads a file that holds one record and nothing else, as a configuration that names it would; null where it can't be read.
    /// </summary>
    public static (T? Record, Check Check) LoadRecord<T>(string path, Grammar grammar, Func<string, string>? read = null) where T : Options
    {
        var (check, sources) = (new Check(), new Sources(read));
        var reader = new ConfigReader(check, sources, new GatewayConfig());
        var values = new ValueBinder(check, new Substitution(check, sources, Environment.GetEnvironmentVariable), sources, reader, new KeyFinder(grammar));
        var record = (T?)values.FileOf(typeof(T), path, new Origin(null, 0, 0, ""), null);
        if (record is not null)
        {
            Validation.Run(record, check);
        }
        return (record, check);
    }

    /// <summary>Reads <paramref name="path"/> and all that it includes. Paths in messages begin as <paramref name="path"/> was typed.</summary>
    public static LoadedConfig Load(string path, Grammar grammar, Func<string, string>? read = null, Func<string, string?>? environment = null)
    {
        var (config, check, sources, keys) = (new GatewayConfig(), new Check(), new Sources(read), new KeyFinder(grammar));
        var reader = new ConfigReader(check, sources, config);
        var values = new ValueBinder(check, new Substitution(check, sources, environment ?? Environment.GetEnvironmentVariable), sources, reader, keys);
        var binder = new DocumentBinder(grammar, check, reader, values, keys);
        reader.Main(path, root => binder.Main(root, config));
        Validation.Run(config, check);
        return new LoadedConfig(config, check, sources.Texts);
    }
}
