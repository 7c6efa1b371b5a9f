using System.Text.RegularExpressions;

namespace Postern.Config.Yaml;

/// <summary>
/// Looks for the slip that made a text no YAML: it reads quotes, brackets, comments and indentation, roughly, from the
/// top, and stops at the first thing that can't be right. Only asked once the real reader has given up, whose own place
/// is often lines behind the slip.
/// </summary>
internal sealed partial class SyntaxSuspect
{
    private readonly string[] lines;
    private readonly Stack<(char Bracket, int Line, int Column)> open = [];
    private (char Quote, int Line, int Column)? quoted;
    private int blockIndent = -1;
    private SyntaxProblem? found;

    private SyntaxSuspect(string[] lines) => this.lines = lines;

    /// <summary>The first suspect, if it stands no later than <paramref name="lastLine"/>.</summary>
    public static SyntaxProblem? Find(string[] lines, int lastLine)
    {
        var suspect = new SyntaxSuspect(lines);
        for (var i = 0; i < lines.Length && suspect.found is null; i++)
        {
            suspect.Line(i);
        }
        var problem = suspect.found ?? suspect.AtEnd();
        return problem is not null && problem.Line <= lastLine ? problem : null;
    }

    private void Line(int number)
    {
        var line = lines[number];
        var indent = line.Length - line.TrimStart(' ').Length;
        if (line.AsSpan().Trim().IsEmpty || StaysInBlock(indent))
        {
            return;
        }
        if (quoted is null && line[indent] == '\t' && !line.AsSpan().TrimStart().StartsWith("#"))
        {
            Suspect(number, indent, "a tab in the indentation; YAML takes spaces only");
            return;
        }
        if (quoted is { } q && indent <= Indent(q.Line) && (KeyLine().IsMatch(line) || line.AsSpan(indent).StartsWith("- ")))
        {
            Unclosed(q.Quote, q.Line, q.Column);
            return;
        }
        if (quoted is null && open.Count > 0 && open.Last() is var outer && indent <= Indent(outer.Line) && line[indent] is not ('}' or ']'))
        {
            Unclosed(open.Peek().Bracket, open.Peek().Line, open.Peek().Column);
            return;
        }
        Characters(number, line, indent);
    }

    /// <summary>One line's characters. <c>fresh</c> means that a value may begin here, so quotes and brackets mean something.</summary>
    private void Characters(int number, string line, int at)
    {
        var (fresh, start) = (true, at);
        while (at < line.Length && found is null)
        {
            var c = line[at];
            if (quoted is { } q)
            {
                at = InQuotes(line, at, q.Quote);
                if (quoted is null)
                {
                    AfterValue(number, line, at, q.Line == number ? q.Column : start, "text behind the closing quote; escape the quotes inside of the value, or use the other kind around it");
                }
                continue;
            }
            if (c == '#' && (at == 0 || char.IsWhiteSpace(line[at - 1])))
            {
                return;
            }
            if (c is ' ' or '\t' || (fresh && (c is '-' or '?') && (at + 1 == line.Length || line[at + 1] == ' ')))
            {
                at++;
                continue;
            }
            if (fresh)
            {
                (fresh, start) = (false, at);
                if (Begins(number, line, ref at, ref fresh))
                {
                    continue;
                }
            }
            fresh = Plain(number, line, at, start);
            at++;
        }
    }

    /// <summary>What the first character of a value decides; true where it was used up.</summary>
    private bool Begins(int number, string line, ref int at, ref bool fresh)
    {
        switch (line[at])
        {
            case '"' or '\'':
                quoted = (line[at], number, at++);
                return true;
            case '[' or '{':
                open.Push((line[at], number, at++));
                fresh = true;
                return true;
            case '|' or '>' when open.Count == 0:
                blockIndent = Indent(number);
                at = line.Length;
                return true;
            case '&' or '!':
                at = line.IndexOf(' ', at) is > 0 and var space ? space : line.Length;
                fresh = true;
                return true;
            case '@' or '`' or '%' when number > 0 || at > 0:
                Suspect(number, at, $"a value can't begin with '{line[at]}'; quote it: \"{Token(line, at)}\"");
                return true;
            default:
                return false;
        }
    }

    /// <summary>A character outside of quotes; returns whether a value may begin behind it.</summary>
    private bool Plain(int number, string line, int at, int start)
    {
        var c = line[at];
        var spaceBehind = at + 1 == line.Length || line[at + 1] == ' ';
        if (open.Count == 0)
        {
            if (c is ']' or '}' && at == start)
            {
                Suspect(number, at, $"'{c}' closes nothing; remove it or quote the value");
            }
            return c == ':' && spaceBehind;
        }
        if (c is '[' or '{')
        {
            var token = Token(line, start);
            Suspect(number, start, $"'{c}' inside of brackets begins a {(c == '{' ? "mapping" : "list")}, so a value that holds it needs quotes; {(token.Contains(' ') ? "quote it, or remove it" : $"write \"{token}\"")}");
            return false;
        }
        if (c is ']' or '}')
        {
            var (bracket, openLine, openColumn) = open.Pop();
            if (bracket != (c == ']' ? '[' : '{'))
            {
                Suspect(number, at, $"'{c}' here, but '{bracket}' was opened at line {openLine + 1}, column {openColumn + 1}; close it with '{(bracket == '[' ? ']' : '}')}'");
            }
            else if (open.Count == 0)
            {
                AfterValue(number, line, at + 1, openColumn, null);
            }
            return false;
        }
        return c == ',' || (c == ':' && spaceBehind);
    }

    private void AfterValue(int number, string line, int at, int start, string? message)
    {
        var rest = line.AsSpan(at).TrimStart();
        var ends = rest.IsEmpty || rest[0] == ':' || (rest[0] == '#' && at < line.Length && line[at] == ' ') || (open.Count > 0 && rest[0] is ',' or ']' or '}');
        if (!ends)
        {
            var column = line.Length - rest.Length;
            var token = Token(line, start);
            var bracket = rest[0] is ']' or '}' ? $"'{rest[0]}' closes nothing; remove it"
                : token.Contains(' ') ? $"the value that began with '{line[start]}' in column {start + 1} is closed before this; remove this or begin a new line"
                : $"a value that begins with '{line[start]}' ends where that is closed; quote it whole: \"{token}\"";
            Suspect(number, column, message ?? bracket);
        }
    }

    private int InQuotes(string line, int at, char quote)
    {
        if (line[at] == '\\' && quote == '"')
        {
            return at + 2;
        }
        if (line[at] != quote)
        {
            return at + 1;
        }
        if (quote == '\'' && at + 1 < line.Length && line[at + 1] == '\'')
        {
            return at + 2;
        }
        quoted = null;
        return at + 1;
    }

    private bool StaysInBlock(int indent)
    {
        if (blockIndent >= 0 && indent > blockIndent)
        {
            return true;
        }
        blockIndent = -1;
        return false;
    }

    private SyntaxProblem? AtEnd()
    {
        if (quoted is { } q)
        {
            Unclosed(q.Quote, q.Line, q.Column);
        }
        else if (open.Count > 0)
        {
            Unclosed(open.Peek().Bracket, open.Peek().Line, open.Peek().Column);
        }
        return found;
    }

    private void Unclosed(char what, int line, int column) => Suspect(line, column, what switch
    {
        '"' or '\'' => $"the quote {what} is never closed; close it at the end of the value",
        '[' => "'[' is never closed; add ']'",
        _ => "'{' is never closed; add '}', or quote the value if the brace belongs to it",
    });

    private void Suspect(int line, int column, string message) => found ??= new SyntaxProblem(line + 1, column + 1, message);

    private int Indent(int line) => lines[line].Length - lines[line].TrimStart(' ').Length;

    /// <summary>The word at <paramref name="start"/>, with brackets that belong to it.</summary>
    private static string Token(string line, int start)
    {
        var (depth, end) = (0, start);
        for (; end < line.Length && end - start < 80; end++)
        {
            var c = line[end];
            if (char.IsWhiteSpace(c) || (depth == 0 && end > start && c is ',' or ']' or '}'))
            {
                if (depth == 0 || !char.IsWhiteSpace(c))
                {
                    break;
                }
            }
            depth += c is '{' or '[' ? 1 : c is '}' or ']' ? -1 : 0;
        }
        return line[start..end].Replace("\"", "\\\"");
    }

    [GeneratedRegex(@"^\s*(- +)?[^\s'"":#]+:(\s|$)")]
    private static partial Regex KeyLine();
}
