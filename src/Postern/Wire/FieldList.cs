namespace Postern.Wire;

/// <summary>
/// Header fields in order, names and values as they go on the wire. A flat list, because a gateway walks all fields of
/// a message once and looks up few; reused between requests, so that it costs no allocation.
/// </summary>
public sealed class FieldList
{
    private (string Name, string Value)[] fields = new (string, string)[16];

    /// <summary>How many fields there are.</summary>
    public int Count { get; private set; }

    /// <summary>The fields in order.</summary>
    public ReadOnlySpan<(string Name, string Value)> Fields => fields.AsSpan(0, Count);

    /// <summary>Adds a field; the caller has made sure that neither part can break the message.</summary>
    public void Add(string name, string value)
    {
        if (Count == fields.Length)
        {
            Array.Resize(ref fields, Count * 2);
        }
        fields[Count++] = (name, value);
    }

    /// <summary>The first value of <paramref name="name"/> (any case), or null.</summary>
    public string? Find(string name)
    {
        foreach (var field in Fields)
        {
            if (field.Name.Length == name.Length && field.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return field.Value;
            }
        }
        return null;
    }

    /// <summary>Removes every field called <paramref name="name"/> (any case); says whether there was one.</summary>
    public bool Remove(string name)
    {
        var kept = 0;
        for (var i = 0; i < Count; i++)
        {
            if (!fields[i].Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                fields[kept++] = fields[i];
            }
        }
        var removed = kept != Count;
        fields.AsSpan(kept, Count - kept).Clear();
        Count = kept;
        return removed;
    }

    /// <summary>Forgets all fields.</summary>
    public void Clear()
    {
        fields.AsSpan(0, Count).Clear();
        Count = 0;
    }
}
