namespace Postern.Config;

/// <summary>One thing wrong with a configuration. A warning lets the gateway start; <c>check --strict</c> makes it an error.</summary>
/// <param name="Position"><c>file:line:column</c>, or empty where nothing was written.</param>
/// <param name="Path">Keys from the root of the file to the value: <c>routes[0].to</c>.</param>
/// <param name="Message">What is wrong, the value that was got, and the fix.</param>
/// <param name="Gate">The gate it belongs to, or null for what all gates share.</param>
/// <param name="IsWarning">Whether the gateway runs all the same.</param>
public sealed record ConfigProblem(string Position, string Path, string Message, string? Gate, bool IsWarning)
{
    /// <summary>The order in which it is printed: files as they were read, then line and column.</summary>
    internal (int File, int Line, int Column) Order { get; init; }

    /// <summary>The line a user reads: <c>file:line:column: path: what, got value; fix</c>.</summary>
    public override string ToString()
    {
        var text = IsWarning ? "warning: " + Message : Message;
        if (Path.Length > 0)
        {
            text = $"{Path}: {text}";
        }
        return Position.Length > 0 ? $"{Position}: {text}" : text;
    }
}

/// <summary>Collects every problem of a configuration, each with the place where it was written.</summary>
public sealed class Check
{
    private readonly List<ConfigProblem> problems = [];
    private readonly Dictionary<(string Where, string Path, string? Gate), bool> known = [];
    private readonly List<string> files = [];
    private readonly Redaction redaction = new();

    /// <summary>The gate being read or compiled; its problems are its own. Null for what all gates share.</summary>
    internal string? Gate { get; set; }

    /// <summary>Reports an error at <paramref name="key"/> (as written in YAML; <c>to[0].url</c> steps down) of <paramref name="at"/>.</summary>
    public void Error(Options at, string key, string message) => Error((at.Origin ?? Unknown).At(key), message);

    /// <summary>Reports a warning at <paramref name="key"/> of <paramref name="at"/>.</summary>
    public void Warn(Options at, string key, string message) => Add((at.Origin ?? Unknown).At(key), message, isWarning: true);

    internal void Error(Origin at, string message) => Add(at, message, isWarning: false);

    internal void Warn(Origin at, string message) => Add(at, message, isWarning: true);

    /// <summary>Reports an error that makes the value unusable: what follows from it is not reported.</summary>
    internal void Break(Origin at, string message)
    {
        Error(at, message);
        at.Broken = true;
    }

    /// <summary>From now on, no message shows this text.</summary>
    internal void Hide(string secret) => redaction.Hide(secret);

    /// <summary>Whether anything but warnings was found for <paramref name="gate"/> (null: for what all gates share).</summary>
    internal bool Failed(string? gate) => problems.Exists(p => !p.IsWarning && p.Gate == gate);

    /// <summary>Fixes the place of a file in the order of problems: the order in which files are read.</summary>
    internal void Reading(string file) => files.Add(file);

    /// <summary>Everything found, in file order.</summary>
    public IReadOnlyList<ConfigProblem> Problems => [.. problems.OrderBy(p => p.Order)];

    private static readonly Origin Unknown = new(null, 0, 0, "");

    private void Add(Origin at, string message, bool isWarning)
    {
        if (at.Broken || at.Incomplete)
        {
            return;
        }
        var problem = new ConfigProblem(at.Position, at.Path, redaction.Apply(at, message), Gate, isWarning)
        {
            Order = (at.File is null ? int.MaxValue : files.IndexOf(at.File), at.Line, at.Column),
        };
        // One value, one mistake: whoever reads it next finds the same in other words.
        var place = (at.File is null ? problem.Message : problem.Position, problem.Path, problem.Gate);
        if (!known.TryGetValue(place, out var warned) || (warned && !isWarning))
        {
            known[place] = isWarning;
            problems.RemoveAll(p => p.IsWarning && (p.Position, p.Path, p.Gate) == (problem.Position, problem.Path, problem.Gate));
            problems.Add(problem);
        }
    }
}
