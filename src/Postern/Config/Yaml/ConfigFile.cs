namespace Postern.Config.Yaml;

/// <summary>What came of reading a configuration.</summary>
/// <param name="Config">What was written, as far as it could be read; a gate whose file is broken is there without routes.</param>
/// <param name="Check">Everything found wrong.</param>
/// <param name="Sources">The files that were read.</param>
internal sealed record LoadedConfig(GatewayConfig Config, Check Check, Sources Sources)
{
    /// <summary>Every file that was read (main file, includes, files of secrets) by path, as <see cref="ConfigFile.Peek"/> gives it: to
    /// see what changed, compare. One that couldn't be read is among them, so that its coming is a change too.</summary>
    public IReadOnlyDictionary<string, string> Texts => Sources.Texts;
}

/// <summary>A configuration from YAML: read, bound to the options records, and checked by what those say of themselves.</summary>
internal static class ConfigFile
{
    /// <summary>What there is of a file now, said as it was said before: its text, a mark for what isn't text, or one where it can't be read.</summary>
    public static string Peek(string path, string before = "") => Sources.Peek(path, before);

    /// <summary>
    /// Reads one more file, which holds a record and nothing else, for code that names it; null where it can't be read. It is
    /// watched like the others.
    /// </summary>
    /// <param name="loaded">What was read before.</param>
    /// <param name="path">The file.</param>
    /// <param name="at">Where it is named.</param>
    /// <param name="grammar">What may be written where.</param>
    /// <param name="make">The command that makes such a file, with <c>{0}</c> for its path.</param>
    public static T? Record<T>(LoadedConfig loaded, string path, Origin at, Grammar grammar, string? make = null) where T : Options
    {
        var (check, sources) = (loaded.Check, loaded.Sources);
        var reader = new ConfigReader(check, sources, loaded.Config);
        var values = new ValueBinder(check, new Substitution(check, sources, Environment.GetEnvironmentVariable), sources, reader, new KeyFinder(grammar));
        return (T?)values.FileOf(typeof(T), path, at, make);
    }

    /// <summary>Reads the text of one more file, for code that names it; empty where it can't be read. It is watched like the others.</summary>
    /// <param name="loaded">What was read before.</param>
    /// <param name="path">The file.</param>
    /// <param name="at">Where it is named.</param>
    public static FileText Text(LoadedConfig loaded, string path, Origin at)
    {
        var (text, problem) = loaded.Sources.Read(path, Sources.MaxSecret);
        if (problem is not null)
        {
            loaded.Check.Error(at, $"can't read '{path}': {problem}");
        }
        return new FileText(path, text ?? "");
    }

    /// <summary>Reads one more file that isn't text, for code that names it; without a path where it can't be read. It is watched like the others.</summary>
    /// <param name="loaded">What was read before.</param>
    /// <param name="path">The file.</param>
    /// <param name="at">Where it is named.</param>
    public static FileBytes Bytes(LoadedConfig loaded, string path, Origin at)
    {
        var (bytes, problem) = loaded.Sources.ReadBytes(path);
        if (problem is not null)
        {
            loaded.Check.Error(at, $"can't read '{path}': {problem}");
        }
        return bytes is null ? new FileBytes("", default) : new FileBytes(path, bytes);
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
        return new LoadedConfig(config, check, sources);
    }
}
