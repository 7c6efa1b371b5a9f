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
            var here = problem.StartsWith("no such file", StringComparison.Ordinal) ? "no such file; check the path or make one" : problem;
            check.Error(new Origin(path, 0, 0, ""), $"can't be read: {here}");
            return;
        }
        Parse(path, text!, "the file is empty; begin it with version: 1", bind);
    }

    /// <summary>Reads a file that was included at <paramref name="at"/>.</summary>
    public void Included(string path, Origin at, Action<Node> bind)
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
            check.Break(at, $"can't read '{path}': {problem}");
            return;
        }
        check.Reading(path);
        if (!config.Files.Contains(path))
        {
            config.Files.Add(path);
        }
        Parse(path, text!, "the file is empty; write what it is included for", bind);
    }

    private void Parse(string path, string text, string empty, Action<Node> bind)
    {
        var (root, problem) = YamlReader.Read(path, text);
        if (problem is not null)
        {
            check.Error(new Origin(path, problem.Line, problem.Column, ""), problem.Message);
        }
        else if (root is null or ScalarNode { IsNull: true })
        {
            check.Error(new Origin(path, 1, 1, ""), empty);
        }
        else
        {
            reading.Add((Path.GetFullPath(path), path));
            bind(root);
            reading.RemoveAt(reading.Count - 1);
        }
    }
}
