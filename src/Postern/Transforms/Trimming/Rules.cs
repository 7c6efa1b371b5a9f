using Postern.Config;

namespace Postern.Transforms.Trimming;

/// <summary>
/// What <c>drop</c>, <c>pick</c> and <c>rename</c> of a route come to, wherever each was written, and where they contradict one another.
/// </summary>
internal static class Rules
{
    /// <summary>The tree of all fields that are named; what contradicts another rule is reported, and left out.</summary>
    /// <param name="options">What was written.</param>
    /// <param name="beside">Whether all of it stands in one place: what one place says for all and another for some needn't fit.</param>
    /// <param name="check">Where errors go.</param>
    public static Field Read(TrimSection options, bool beside, Check check)
    {
        var root = new Field();
        foreach (var (path, key) in Paths("drop", options.Drop))
        {
            Drop(root, path, problem => check.Error(options, key, problem));
        }
        foreach (var (path, key) in Paths("pick", options.Pick))
        {
            Pick(root, path, problem => check.Error(options, key, problem));
        }
        foreach (var (text, name) in options.Rename ?? new Dictionary<string, string>())
        {
            if (FieldPath.Parse(text).Path is { } path && FieldPath.Parse(name).Path is { Names: [var plain] } && plain != path.Names[^1])
            {
                Rename(root, path, plain, options.Pick is not null, beside, problem => check.Error(options, $"rename.{text}", problem));
            }
        }
        if (options.Rename is not null)
        {
            Collisions(root, options.Pick is not null, (path, problem) => check.Error(options, $"rename.{path}", problem));
        }
        return root;
    }

    private static IEnumerable<(FieldPath Path, string Key)> Paths(string key, IReadOnlyList<string>? texts)
    {
        for (var i = 0; i < texts?.Count; i++)
        {
            // What can't be read was told when it was.
            if (FieldPath.Parse(texts[i]).Path is { } path)
            {
                yield return (path, $"{key}[{i}]");
            }
        }
    }

    private static void Drop(Field root, FieldPath path, Action<string> report)
    {
        var at = root;
        foreach (var name in path.Names)
        {
            at = at.At(name);
            if (at.Dropped is { } dropped)
            {
                report(dropped == path.Text ? $"'{path.Text}' stands here twice; remove one" : $"'{dropped}' is dropped with all that is in it, so '{path.Text}' drops nothing; remove one of them");
                return;
            }
        }
        if (Find(at, f => f.Dropped) is { } below)
        {
            report($"'{path.Text}' is dropped with all that is in it, so '{below}' drops nothing; remove one of them");
            return;
        }
        at.Dropped = path.Text;
    }

    private static void Pick(Field root, FieldPath path, Action<string> report)
    {
        var at = root;
        foreach (var name in path.Names)
        {
            at = at.At(name);
            if (at.Dropped is { } dropped)
            {
                report($"'{path.Text}' is dropped by '{dropped}', and what is dropped can't be picked; remove it here or there");
                return;
            }
            if (at.Picked is { } picked)
            {
                report(picked == path.Text ? $"'{path.Text}' stands here twice; remove one" : $"'{picked}' is picked with all that is in it, '{path.Text}' too; remove one of them");
                return;
            }
        }
        if (Find(at, f => f.Picked) is { } below)
        {
            report($"'{path.Text}' is picked with all that is in it, '{below}' too; remove one of them");
            return;
        }
        at.Picked = path.Text;
        at = root;
        foreach (var name in path.Names)
        {
            at.HasPicked = true;
            at = at.At(name);
        }
    }

    private static void Rename(Field root, FieldPath path, string newName, bool picks, bool beside, Action<string> report)
    {
        var (at, picked) = (root, !picks);
        foreach (var name in path.Names)
        {
            at = at.At(name);
            picked |= at.Picked is not null;
            if (at.Dropped is { } dropped)
            {
                if (beside)
                {
                    report($"'{path.Text}' is dropped by '{dropped}', so there is nothing to rename; remove it here or there");
                }
                return;
            }
        }
        if (!picked && !at.HasPicked)
        {
            if (beside)
            {
                report($"'{path.Text}' isn't picked, so there is nothing to rename; add it to pick, or remove it here");
            }
            return;
        }
        if (at.Renamed is { } first)
        {
            report($"'{path.Text}' is renamed by '{first}' already; remove one");
            return;
        }
        (at.Renamed, at.NewName) = (path.Text, newName);
    }

    /// <summary>New names that another field of the same object has.</summary>
    private static void Collisions(Field at, bool picks, Action<string, string> report)
    {
        var taken = new Dictionary<string, string>();
        foreach (var (_, field) in at.Fields)
        {
            if (field.NewName is not { } name)
            {
                continue;
            }
            if (!taken.TryAdd(name, field.Renamed!))
            {
                report(field.Renamed!, $"'{taken[name]}' becomes '{name}' already, and an object has each name once; choose another name");
            }
            else if (at.Fields.GetValueOrDefault(name) is { Dropped: null, NewName: null } kept && (picks ? kept.IsPicked : IsMeant(kept)))
            {
                report(field.Renamed!, $"'{name}' stays beside it, and an object has each name once; choose another name, or drop '{name}'");
            }
        }
        foreach (var (_, field) in at.Fields)
        {
            Collisions(field, picks && field.Picked is null, report);
        }
    }

    /// <summary>Whether something that is said of the field shows that it stays.</summary>
    private static bool IsMeant(Field field) => field.IsPicked || Find(field, f => f.Dropped ?? f.Renamed) is not null;

    private static string? Find(Field field, Func<Field, string?> what)
    {
        foreach (var (_, below) in field.Fields)
        {
            if ((what(below) ?? Find(below, what)) is { } found)
            {
                return found;
            }
        }
        return null;
    }
}
