using System.Globalization;

namespace Postern.Config.Yaml;

/// <summary>Reads the main file and what it includes, each into nodes, and keeps files from including themselves.</summary>
internal sealed class ConfigReader(Check check, Sources sources, GatewayConfig config)
{
    private const int MaxIncludes = 16;
    private readonly List<(string Full, string Display)> reading = [];

    /// <summary>Reads the main file.</summary>
    public void Main(string path, Action<Node> bind)
    {
        check.Reading(path);
        config.Files.Add(path);
        var (text, problem) = sources.Read(path, Sources.MaxFile);
        if (problem is not null)
        {
            var here = problem.StartsWith(Sources.Missing, StringComparison.Ordinal) ? $"{Sources.Missing}; check the path or make one" : problem;
            check.Error(new Origin(path, 0, 0, ""), $"can't be read: {here}");
            return;
        }
        Parse(path, text!, bind, () => check.Error(new Origin(path, 1, 1, ""), "the file is empty; begin it with version: 1"));
    }

    /// <summary>Reads a file that was included at <paramref name="at"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="at">Where it is named.</param>
    /// <param name="bind">Takes what is in it.</param>
    /// <param name="empty">Takes that nothing is in it; null where that is a mistake.</param>
    /// <param name="make">The command that makes such a file, with <c>{0}</c> for its path; null where people write it.</param>
    public void Included(string path, Origin at, Action<Node> bind, Action? empty = null, string? make = null)
    {
        var full = Path.GetFullPath(path);
        var earlier = reading.FindIndex(r => r.Full == full);
        if (earlier >= 0)
        {
            check.Break(at, $"an include cycle: {string.Join(" includes ", reading.Skip(earlier).Select(r => r.Display).Append(path))}; remove one of these includes");
            return;
        }
        if (reading.Count > MaxIncludes)
        {
            check.Break(at, $"more than {MaxIncludes} files include one another; include this one from the main file");
            return;
        }
        var (text, problem) = sources.Read(path, Sources.MaxFile);
        if (problem is not null)
        {
            var missing = make is not null && problem.StartsWith(Sources.Missing, StringComparison.Ordinal);
            check.Break(at, $"can't read '{path}': {(missing ? $"{Sources.Missing}; make it with: {string.Format(CultureInfo.InvariantCulture, make!, path)}" : problem)}");
            return;
        }
        check.Reading(path);
        if (!config.Files.Contains(path))
        {
            config.Files.Add(path);
        }
        Parse(path, text!, bind, empty ?? (() => check.Error(new Origin(path, 1, 1, ""), "the file is empty; write what it is included for")));
    }

    private void Parse(string path, string text, Action<Node> bind, Action empty)
    {
        var (root, problem) = YamlReader.Read(path, text);
        if (problem is not null)
        {
            check.Error(new Origin(path, problem.Line, problem.Column, ""), problem.Message);
        }
        else if (root is null or ScalarNode { IsNull: true })
        {
            empty();
        }
        else
        {
            reading.Add((Path.GetFullPath(path), path));
            bind(root);
            reading.RemoveAt(reading.Count - 1);
        }
    }
}
