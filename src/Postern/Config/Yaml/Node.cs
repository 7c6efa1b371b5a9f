namespace Postern.Config.Yaml;

/// <summary>A value of a YAML file and where it begins; lines and columns count from 1.</summary>
internal abstract class Node(string file, int line, int column)
{
    public string File { get; } = file;

    public int Line { get; } = line;

    public int Column { get; } = column;

    /// <summary>How many nodes stand here and below, aliases counted as often as they are used.</summary>
    public int Size { get; protected set; } = 1;
}

/// <summary>A plain value.</summary>
internal sealed class ScalarNode(string file, int line, int column, string text, bool quoted) : Node(file, line, column)
{
    public string Text { get; } = text;

    public bool Quoted { get; } = quoted;

    /// <summary>Nothing was written, or YAML's words for nothing.</summary>
    public bool IsNull => !Quoted && Text is "" or "~" or "null";
}

/// <summary>A list.</summary>
internal sealed class SequenceNode(string file, int line, int column) : Node(file, line, column)
{
    private readonly List<Node> items = [];

    public IReadOnlyList<Node> Items => items;

    public void Add(Node item)
    {
        items.Add(item);
        Size += item.Size;
    }
}

/// <summary>A mapping, in the order written. A key written again is kept apart, with the place where it was first.</summary>
internal sealed class MappingNode(string file, int line, int column) : Node(file, line, column)
{
    private readonly OrderedDictionary<string, Entry> entries = new(StringComparer.Ordinal);
    private readonly List<(ScalarNode Again, ScalarNode First)> repeated = [];

    /// <summary>One key with its value.</summary>
    internal readonly record struct Entry(ScalarNode Key, Node Value);

    public IEnumerable<Entry> Entries => entries.Values;

    public int Count => entries.Count;

    public IReadOnlyList<(ScalarNode Again, ScalarNode First)> Repeated => repeated;

    public Node? Find(string key) => entries.TryGetValue(key, out var entry) ? entry.Value : null;

    public void Add(ScalarNode key, Node value)
    {
        Size += 1 + value.Size;
        if (!entries.TryAdd(key.Text, new Entry(key, value)))
        {
            repeated.Add((key, entries[key.Text].Key));
        }
    }

    /// <summary>What <c>&lt;&lt;</c> does: takes over the keys that are not written here.</summary>
    public void Merge(MappingNode other)
    {
        Size += other.Size;
        foreach (var (key, value) in other.Entries)
        {
            entries.TryAdd(key.Text, new Entry(key, value));
        }
    }
}
