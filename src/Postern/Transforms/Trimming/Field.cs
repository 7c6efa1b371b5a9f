using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Postern.Transforms.Trimming;

/// <summary>All that paths say of one field, while they are put together: a tree of names.</summary>
internal sealed class Field
{
    private readonly OrderedDictionary<string, Field> fields = new(StringComparer.Ordinal);

    /// <summary>The path that drops it, or null.</summary>
    public string? Dropped { get; set; }

    /// <summary>The path that picks it, with all that is in it; null where none does.</summary>
    public string? Picked { get; set; }

    /// <summary>Whether something in it is picked.</summary>
    public bool HasPicked { get; set; }

    /// <summary>The path that renames it, or null.</summary>
    public string? Renamed { get; set; }

    /// <summary>Its new name, or null.</summary>
    public string? NewName { get; set; }

    /// <summary>What is in it and has a name in some path.</summary>
    public IReadOnlyDictionary<string, Field> Fields => fields;

    /// <summary>The field in it of that name, from now on.</summary>
    public Field At(string name)
    {
        if (!fields.TryGetValue(name, out var field))
        {
            fields.Add(name, field = new Field());
        }
        return field;
    }

    /// <summary>What holds for the fields in it.</summary>
    /// <param name="picks">Whether only what is picked stays.</param>
    public Level Compile(bool picks)
    {
        var steps = fields.Select(f => Step(f.Key, f.Value, picks)).OfType<Step>().ToDictionary(s => Encoding.UTF8.GetString(s.Name));
        foreach (var name in fields.Values.Where(f => f.Dropped is null && (!picks || f.IsPicked)).Select(f => f.NewName).OfType<string>())
        {
            // Whatever else has the new name gives way, so that no name stands twice.
            steps.TryAdd(name, new Step(Encoding.UTF8.GetBytes(name), Fate.Dropped));
        }
        return new Level([.. steps.Values], picks);
    }

    /// <summary>Whether it stays where only what is picked does.</summary>
    public bool IsPicked => Picked is not null || HasPicked;

    /// <summary>Whether something is to be looked at in it.</summary>
    private bool IsEntered(bool picks) => picks || fields.Values.Any(f => f.Dropped is not null || f.NewName is not null || f.IsEntered(picks: false));

    private static Step? Step(string name, Field field, bool picks)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        if (field.Dropped is not null)
        {
            return new Step(bytes, Fate.Dropped);
        }
        if (picks && !field.IsPicked)
        {
            return null;
        }
        var below = picks && field.Picked is null;
        var written = field.NewName is null ? null : Encoding.UTF8.GetBytes($"\"{JsonEncodedText.Encode(field.NewName, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"");
        if (field.IsEntered(below))
        {
            return new Step(bytes, Fate.Entered, written, field.Compile(below));
        }
        return picks || written is not null ? new Step(bytes, Fate.Kept, written) : null;
    }
}
