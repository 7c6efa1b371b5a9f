namespace Postern.Transforms.JmesPath.Nodes;

/// <summary>What an expression reads, found out without evaluating it.</summary>
internal sealed class Facts(int slots)
{
    private readonly Origin[] bound = new Origin[slots];

    /// <summary>Fields of the root, by name.</summary>
    public HashSet<string> Roots { get; } = new(StringComparer.Ordinal);

    /// <summary>Variables it doesn't bind.</summary>
    public HashSet<string> Variables { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether the root is read other than by a field's name.</summary>
    public bool ReadsWholeRoot { get; private set; }

    /// <summary>Whether it gives something else in another locale.</summary>
    public bool UsesLocale { get; set; }

    /// <summary>What each variable it binds is.</summary>
    public ref Origin this[int slot] => ref bound[slot];

    /// <summary>A value is looked at as a whole.</summary>
    public void Use(Origin value) => ReadsWholeRoot |= value == Origin.Root;

    /// <summary>A node's value is looked at as a whole.</summary>
    public void Use(Node node, Origin current) => Use(node.Trace(current, this));
}
