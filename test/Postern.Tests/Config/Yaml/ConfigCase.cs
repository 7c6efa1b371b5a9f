using Postern.Config.Yaml;

namespace Postern.Tests.Config.Yaml;

/// <summary>A configuration in memory: its files by path, environment variables, and what is expected of it.</summary>
internal sealed record ConfigCase(IReadOnlyDictionary<string, string> Files, IReadOnlyDictionary<string, string> Environment, string Expected)
{
    public const string Main = "postern.yaml";

    public static ConfigCase Parse(string text)
    {
        var (files, environment, current, lines) = (new Dictionary<string, string>(), new Dictionary<string, string>(), Main, new List<string>());
        foreach (var line in text.TrimEnd('\n').Split('\n'))
        {
            if (line.StartsWith("--- ", StringComparison.Ordinal) || (line == "===" && current != "==="))
            {
                Keep();
                current = line == "===" ? line : line[4..].Trim();
                continue;
            }
            lines.Add(line);
        }
        return new ConfigCase(files, environment, string.Join('\n', lines));

        void Keep()
        {
            if (current.StartsWith("${env:", StringComparison.Ordinal))
            {
                environment[current[6..^1]] = string.Join('\n', lines);
            }
            else if (!(current == Main && lines is ["missing"]))
            {
                // A file that isn't text has a byte in each character.
                var isBinary = current.EndsWith(" base64", StringComparison.Ordinal);
                files[isBinary ? current[..^7] : current] = isBinary
                    ? System.Text.Encoding.Latin1.GetString(Convert.FromBase64String(string.Concat(lines))) : string.Concat(lines.Select(l => l + "\n"));
            }
            lines.Clear();
        }
    }

    public LoadedConfig Load() => ConfigFile.Load(
        Main,
        Features.Grammar,
        path => Files.TryGetValue(path, out var text) ? text : throw new FileNotFoundException(),
        Environment.GetValueOrDefault);

    public static LoadedConfig Load(string yaml) => new ConfigCase(new Dictionary<string, string> { [Main] = yaml }, new Dictionary<string, string>(), "").Load();
}
