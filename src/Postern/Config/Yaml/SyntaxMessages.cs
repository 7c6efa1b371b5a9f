using System.Text.RegularExpressions;

namespace Postern.Config.Yaml;

/// <summary>What is wrong with a text that is no YAML, in words for its author; the library's own words stay here.</summary>
internal static partial class SyntaxMessages
{
    /// <summary>Explains a failure that the library found at (line, column) and describes by <paramref name="kind"/>.</summary>
    public static SyntaxProblem Of(string[] lines, int line, int column, string kind)
    {
        line = Math.Clamp(line, 1, lines.Length);
        // Of a tab the library only says where the mapping began that it stands in.
        if (SyntaxSuspect.Find(lines, kind.Contains("tab") ? lines.Length : line + 1) is { } suspect)
        {
            return suspect;
        }
        var text = lines[line - 1];
        var first = text.Length - text.TrimStart().Length + 1;
        return kind switch
        {
            _ when kind.Contains("tab") => new(line, column, "a tab in the indentation; YAML takes spaces only"),
            _ when kind.Contains("multiline plain scalar") || kind.Contains("could not find expected ':'") => Alone(lines, line, kind),
            _ when kind.Contains("invalid mapping") => text.AsSpan(0, Math.Min(column, text.Length)).Contains(": ", StringComparison.Ordinal)
                ? SecondColon(text, line, column) : Deeper(lines, line, first),
            _ when kind.Contains("expected key") && column <= first && !text.Contains(':') && Column(lines[Above(lines, line) - 1]) >= first => Alone(lines, line, kind),
            _ when kind.Contains("expected key") && column <= first => Indentation(lines, line, first),
            _ when kind.Contains("'-' indicator") && column <= first => new(line, first, "a key among the entries of a list; begin it with '-', or indent it as the line it belongs to"),
            _ when kind.Contains("sequence entries are not allowed") => new(line, column, "a list can't begin behind a key; put '- …' on the next line, or write [a, b]"),
            _ when kind.Contains("expected ','") => new(line, column, "a ',' is missing between two values here, or the closing bracket; add it, or quote the value if this belongs to it"),
            _ when kind.Contains("node content") || kind.Contains("expected token") => new(line, column, "a value is missing here; write one or remove the ','"),
            _ when kind.Contains("escape") || kind.Contains("hexadecimal") || kind.Contains("surrogates") => new(line, column, "no escape of YAML in double quotes; write \\\\ for a backslash, or use single quotes"),
            _ when kind.Contains("block scalar") => new(line, column, "behind '|' or '>' the text begins on the next line, indented; quote the value if it begins with that sign"),
            _ when kind.Contains("anchor") => new(line, column, "not the name of an anchor; use letters and digits, or quote the value if '&' or '*' belongs to it"),
            _ when kind.Contains("tag") => new(line, column, "tags ('!…') are not part of the language; remove it, or quote the value if it begins with '!'"),
            _ when kind.Contains("%") || kind.Contains("directive") || kind.Contains("incompatible") => new(line, column, "directives ('%…') are not part of the language; remove the line"),
            _ => new(line, column, "not YAML; look at the quotes, brackets and indentation here and on the line above"),
        };
    }

    /// <summary>A key that is a list, a mapping or nothing.</summary>
    public static string OddKey(Node key) => key switch
    {
        MappingNode => "a key is a plain text, got a mapping; quote it if the '{' belongs to it",
        SequenceNode => "a key is a plain text, got a list; quote it if the '[' belongs to it",
        _ => "a key is missing before ':'; write one or remove the line",
    };

    public static string UnknownAlias(string name, IEnumerable<string> known)
    {
        if (name.Length > 0 && char.IsAsciiLetterOrDigit(name[0]))
        {
            var hint = Nearest.Hint(name, known);
            return $"no '&{name}' stands above{(hint.Length > 0 ? hint : "; quote the value if the '*' belongs to it")}";
        }
        return name.StartsWith('*')
            ? "'*' is YAML's sign for an alias; quote the whole value: \"{" + "*" + name + "}\""
            : $"'*' is YAML's sign for an alias; quote the value: \"*{name}\"";
    }

    /// <summary>A line that is neither a key nor an entry, or the key above that lacks its colon.</summary>
    private static SyntaxProblem Alone(string[] lines, int line, string kind)
    {
        if (kind.Contains("multiline"))
        {
            line = Above(lines, line);
        }
        var text = lines[line - 1];
        var word = text.Trim();
        word = word.StartsWith("- ", StringComparison.Ordinal) ? word[2..].Trim() : word;
        var column = text.IndexOf(word, StringComparison.Ordinal) + 1;
        if (word.StartsWith("//", StringComparison.Ordinal))
        {
            return new(line, column, $"a comment begins with '#', got '{Cut(word)}'; write '# {Cut(word.TrimStart('/', ' '))}'");
        }
        if (word.StartsWith("<<<<<<<", StringComparison.Ordinal) || word.StartsWith("=======", StringComparison.Ordinal) || word.StartsWith(">>>>>>>", StringComparison.Ordinal))
        {
            return new(line, column, $"the mark of a merge that was not resolved, got '{Cut(word)}'; keep one side and remove the marks");
        }
        if (ColonWithoutSpace().Match(word) is { Success: true } match)
        {
            return new(line, column + match.Groups[1].Length, $"a space is needed behind ':', got '{Cut(word)}'; write '{Cut($"{match.Groups[1]} {match.Groups[2]}")}'");
        }
        return new(line, column, $"neither a key nor a list entry, got '{Cut(word)}'; write '{Cut(word)}: …' or '- {Cut(word)}'");
    }

    private static SyntaxProblem Deeper(string[] lines, int line, int column)
    {
        var above = lines[Above(lines, line) - 1];
        var begins = above.Length - above.TrimStart(' ', '-').Length + 1;
        return new(line, column, $"indented deeper than the line above, which has a value already; begin in column {begins} as that does");
    }

    private static SyntaxProblem SecondColon(string text, int line, int column)
    {
        var value = text[..Math.Min(column - 1, text.Length)];
        var start = value.LastIndexOf(": ", StringComparison.Ordinal) is >= 0 and var colon ? colon + 2 : value.Length - value.TrimStart(' ', '-').Length;
        return new(line, Math.Min(column, text.Length), $"a second ': ' on the line; quote the value: \"{Cut(text[start..].Trim())}\"");
    }

    /// <summary>The columns in which a line could begin here: those of the line above and of all that it stands in.</summary>
    private static SyntaxProblem Indentation(string[] lines, int line, int column)
    {
        var columns = new List<int>();
        for (var i = Above(lines, line); i >= 1; i--)
        {
            var text = lines[i - 1];
            var begins = Column(text);
            if (text.AsSpan().Trim() is { IsEmpty: false } content && content[0] != '#' && (columns.Count == 0 || begins < columns[^1]))
            {
                columns.Add(begins);
            }
        }
        return columns.Contains(column)
            ? new(line, column, "not a key of the mapping above; look at the dashes and the ':' here and on the line above")
            : new(line, column, $"no line above begins in column {column}; begin in column {string.Join(" or ", columns.Take(4))}");
    }

    private static int Column(string line) => line.Length - line.TrimStart(' ').Length + 1;

    private static int Above(string[] lines, int line)
    {
        do
        {
            line--;
        }
        while (line > 1 && (lines[line - 1].AsSpan().Trim() is { IsEmpty: true } || lines[line - 1].TrimStart().StartsWith('#')));
        return Math.Max(line, 1);
    }

    private static string Cut(string text) => text.Length > 60 ? text[..57] + "…" : text;

    [GeneratedRegex(@"^([A-Za-z][A-Za-z0-9_-]*:)([^\s/].*)$")]
    private static partial Regex ColonWithoutSpace();
}
