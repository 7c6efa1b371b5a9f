using Postern.Config;

namespace Postern.Transforms.Trimming;

/// <summary>Which fields of a JSON answer reach the client, and under which names.</summary>
public sealed record TrimSection : Options
{
    /// <summary>Fields of the upstream's JSON that never reach the client, as paths: <c>debugInfo</c>, <c>author.email</c>, <c>items[].cost</c>.
    /// Holds for every JSON answer, errors too.</summary>
    [OneOrMany] public IReadOnlyList<string>? Drop { get; init; }

    /// <summary>The fields of the upstream's JSON that reach the client, as paths; no other does. Holds for 2xx answers.</summary>
    [OneOrMany] public IReadOnlyList<string>? Pick { get; init; }

    /// <summary>Fields that get another name where they stand: a path to the new name. Holds for 2xx answers; all paths are in the upstream's own names.</summary>
    public IReadOnlyDictionary<string, string>? Rename { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        CheckPaths("drop", Drop, check);
        CheckPaths("pick", Pick, check);
        foreach (var (path, name) in Rename ?? new Dictionary<string, string>())
        {
            if ((FieldPath.Parse(path).Problem ?? NameProblem(path, name)) is { } problem)
            {
                check.Error(this, $"rename.{path}", problem);
            }
        }
    }

    private void CheckPaths(string key, IReadOnlyList<string>? paths, Check check)
    {
        if (paths is { Count: 0 })
        {
            check.Error(this, key, "the list is empty; write a path or remove it");
        }
        for (var i = 0; i < paths?.Count; i++)
        {
            if (FieldPath.Parse(paths[i]).Problem is { } problem)
            {
                check.Error(this, $"{key}[{i}]", problem);
            }
        }
    }

    private static string? NameProblem(string path, string name)
    {
        var (parsed, problem) = FieldPath.Parse(name);
        if (problem is not null)
        {
            return $"the new name is one name, got '{name}'; write it in double quotes if it has other characters than letters, digits, '_' and '-'";
        }
        if (parsed!.Names.Count > 1 || name.StartsWith('['))
        {
            return $"a field keeps its place and gets one new name, got '{name}'; write {parsed.Names[^1]}";
        }
        return FieldPath.Parse(path).Path!.Names[^1] == parsed.Names[0] ? $"the new name is the old one, got '{name}'; remove the line" : null;
    }
}
