using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Postern.Config.Yaml;

/// <summary>Why a file is no YAML, in words for its author.</summary>
internal sealed record SyntaxProblem(int Line, int Column, string Message);

/// <summary>
/// Text → nodes, by way of the YAML library's events. Everything that makes YAML large or surprising is refused here:
/// deep nesting, aliases that multiply, tags, several documents, keys that are not plain.
/// </summary>
internal sealed class YamlReader
{
    private const int MaxDepth = 64;
    private const int MaxNodes = 100_000;

    private readonly string file;
    private readonly string[] lines;
    private readonly Parser events;
    private readonly Dictionary<string, Node?> anchors = [];
    private int nodes;

    private YamlReader(string file, string text, string[] lines)
    {
        (this.file, this.lines) = (file, lines);
        events = new Parser(new StringReader(text));
    }

    /// <summary>The file's only document, null if there is nothing in it, or why it can't be read.</summary>
    public static (Node? Root, SyntaxProblem? Problem) Read(string file, string text)
    {
        var lines = text.Split('\n');
        if (Unprintable(lines) is { } problem)
        {
            return (null, problem);
        }
        try
        {
            return (new YamlReader(file, text, lines).Document(), null);
        }
        catch (Refused refused)
        {
            return (null, refused.Problem);
        }
        catch (YamlException e)
        {
            var at = e.Message.Contains("escape") || e.Message.Contains("hexadecimal") ? e.End : e.Start;
            return (null, SyntaxMessages.Of(lines, Line(at), Column(at), e.Message));
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or FormatException or IndexOutOfRangeException or OverflowException or KeyNotFoundException)
        {
            // The library's scanner fails in ways of its own on some broken texts; an open bracket is the usual cause.
            return (null, SyntaxMessages.Of(lines, lines.Length, 1, ""));
        }
    }

    private Node? Document()
    {
        events.MoveNext();
        events.MoveNext();
        if (events.Current is StreamEnd)
        {
            return null;
        }
        events.MoveNext();
        var root = Next(1);
        events.MoveNext();
        if (events.Current is DocumentStart another)
        {
            throw Refuse(another.Start, "a second document begins here; a file holds one, remove the '---' or make it a file of its own");
        }
        return root;
    }

    /// <summary>The node whose first event is the current one; afterwards the current event is the one behind it.</summary>
    private Node Next(int depth)
    {
        var e = events.Current!;
        if (depth > MaxDepth)
        {
            throw Refuse(e.Start, $"nested more than {MaxDepth} deep; take a level out");
        }
        if (TabBefore(e.Start) is { } tab)
        {
            throw new Refused(tab);
        }
        if (e is AnchorAlias alias)
        {
            return Alias(alias);
        }
        var start = (NodeEvent)e;
        if (!start.Tag.IsEmpty && !(start.Tag.IsNonSpecific || start is Scalar { Style: not ScalarStyle.Plain, IsQuotedImplicit: true }))
        {
            var tag = start.Tag.Value.Replace("tag:yaml.org,2002:", "!!");
            throw Refuse(e.Start, $"tags are not part of the language, got '{tag}'; remove it{(tag.StartsWith("!!", StringComparison.Ordinal) ? "" : ", or put quotes around a value that begins with '!'")}");
        }
        Count(1, e.Start);
        if (!start.Anchor.IsEmpty)
        {
            anchors[start.Anchor.Value] = null;
        }
        Node node = e switch
        {
            Scalar scalar => Plain(scalar),
            SequenceStart => Sequence(depth),
            _ => Mapping(depth),
        };
        if (!start.Anchor.IsEmpty)
        {
            anchors[start.Anchor.Value] = node;
        }
        return node;
    }

    private ScalarNode Plain(Scalar scalar)
    {
        var node = new ScalarNode(file, Line(scalar.Start), Column(scalar.Start), scalar.Value, scalar.Style != ScalarStyle.Plain);
        events.MoveNext();
        return node;
    }

    private SequenceNode Sequence(int depth)
    {
        var start = events.Current!.Start;
        var node = new SequenceNode(file, Line(start), Column(start));
        events.MoveNext();
        while (events.Current is not SequenceEnd)
        {
            node.Add(Next(depth + 1));
        }
        events.MoveNext();
        return node;
    }

    private MappingNode Mapping(int depth)
    {
        var start = events.Current!.Start;
        var node = new MappingNode(file, Line(start), Column(start));
        var merges = new List<MappingNode>();
        events.MoveNext();
        while (events.Current is not MappingEnd)
        {
            var at = events.Current!.Start;
            var first = Next(depth + 1);
            if (first is not ScalarNode { IsNull: false } key)
            {
                throw Refuse(at, SyntaxMessages.OddKey(first));
            }
            var value = Next(depth + 1);
            if (key is { Text: "<<", Quoted: false })
            {
                merges.AddRange(Merged(value));
            }
            else
            {
                node.Add(key, value);
            }
        }
        events.MoveNext();
        merges.ForEach(node.Merge);
        return node;
    }

    private IEnumerable<MappingNode> Merged(Node value)
    {
        IEnumerable<Node> wanted = value is SequenceNode list ? list.Items : [value];
        foreach (var node in wanted)
        {
            yield return node as MappingNode
                ?? throw new Refused(new SyntaxProblem(node.Line, node.Column, "'<<' takes over the keys of a mapping; write '<<: *name' with the name of one"));
        }
    }

    private Node Alias(AnchorAlias alias)
    {
        var name = alias.Value.Value;
        if (!anchors.TryGetValue(name, out var node))
        {
            throw Refuse(alias.Start, SyntaxMessages.UnknownAlias(name, anchors.Keys));
        }
        if (node is null)
        {
            throw Refuse(alias.Start, $"'*{name}' stands inside of what '&{name}' names, so it would never end; write it out");
        }
        Count(node.Size, alias.Start);
        events.MoveNext();
        return node;
    }

    private void Count(int more, Mark at)
    {
        nodes += more;
        if (nodes > MaxNodes)
        {
            throw Refuse(at, $"more than {MaxNodes:N0} values, counting each alias by what it stands for; split the file or use fewer aliases");
        }
    }

    /// <summary>The library lets a tab pass between spaces and a key, where the next reader may see another depth.</summary>
    private SyntaxProblem? TabBefore(Mark start)
    {
        var before = lines[Math.Min(Line(start), lines.Length) - 1].AsSpan();
        before = before[..Math.Min(Column(start) - 1, before.Length)];
        var tab = before.IndexOf('\t');
        return tab >= 0 && before.TrimStart(" \t-").IsEmpty ? new SyntaxProblem(Line(start), tab + 1, "a tab in the indentation; YAML takes spaces only") : null;
    }

    /// <summary>Control characters: the library takes a NUL for the end of the file.</summary>
    private static SyntaxProblem? Unprintable(string[] lines)
    {
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].AsSpan();
            for (var j = 0; j < line.Length; j++)
            {
                if ((line[j] < ' ' && line[j] != '\t' && !(line[j] == '\r' && j == line.Length - 1)) || line[j] is '\x7f' or '\ufffe' or '\uffff')
                {
                    return new SyntaxProblem(i + 1, j + 1, $"a character that YAML doesn't take, got U+{(int)line[j]:X4}; remove it");
                }
                if (line[j] > '\x7f' && (char.IsWhiteSpace(line[j]) || line[j] is '\u200b' or '\ufeff') && (line[..j].Trim().IsEmpty || line[j - 1] == ':'))
                {
                    return new SyntaxProblem(i + 1, j + 1, $"a space that is none to YAML, got U+{(int)line[j]:X4}; type it again as a plain space");
                }
            }
        }
        return null;
    }

    private static Refused Refuse(Mark at, string message) => new(new SyntaxProblem(Line(at), Column(at), message));

    private static int Line(Mark mark) => (int)mark.Line;

    private static int Column(Mark mark) => (int)mark.Column;

    private sealed class Refused(SyntaxProblem problem) : Exception
    {
        public SyntaxProblem Problem { get; } = problem;
    }
}
