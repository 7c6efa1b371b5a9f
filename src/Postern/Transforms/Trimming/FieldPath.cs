using System.Text.Json;

namespace Postern.Transforms.Trimming;

/// <summary>
/// A path of names to a field, <c>orders[].customer.name</c>. Lists are gone through wherever they stand, so <c>[]</c> tells a
/// reader where one is and matches nothing else; a name with other characters is written in double quotes.
/// </summary>
internal sealed class FieldPath
{
    /// <summary>How long a path may be, and how many names it may have: no body goes deeper.</summary>
    private const int MostCharacters = 1000, MostNames = 64;

    private FieldPath(string text, string[] names) => (Text, Names) = (text, names);

    /// <summary>As it was written.</summary>
    public string Text { get; }

    /// <summary>The names, from the top.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The path, or what is wrong with it.</summary>
    public static (FieldPath? Path, string? Problem) Parse(string text)
    {
        if (text.Length is 0 or > MostCharacters)
        {
            return (null, text.Length == 0 ? "a path is needed, got an empty text; write id or author.name" : $"a path has at most {MostCharacters} characters, got {text.Length}");
        }
        var names = new List<string>();
        var rest = text.AsSpan();
        if (Brackets(ref rest) && rest.Length == 0)
        {
            return (null, $"a path ends with a name, got '{text}'; write [].id");
        }
        // Of a list at the top, the first name stands behind its dot.
        var first = rest.Length == text.Length;
        while (rest.Length > 0)
        {
            if (!first && rest[0] != '.')
            {
                return (null, Unexpected(text, rest));
            }
            rest = first ? rest : rest[1..];
            first = false;
            if (Name(ref rest) is not { } name)
            {
                return (null, Unexpected(text, rest));
            }
            names.Add(name);
            if (Brackets(ref rest) && rest.Length == 0)
            {
                return (null, $"a path ends with a name, got '{text}'; write {text.TrimEnd('[', ']')}, which is the whole list");
            }
        }
        return names.Count > MostNames ? (null, $"a path has at most {MostNames} names, got {names.Count}")
            : names is ["$" or "@", _, ..] ? (null, $"a path begins with the name of a field, got '{text}'; write {text[2..]}")
            : (new FieldPath(text, [.. names]), null);
    }

    private static bool Brackets(ref ReadOnlySpan<char> rest)
    {
        var found = false;
        for (; rest.StartsWith("[]"); found = true)
        {
            rest = rest[2..];
        }
        return found;
    }

    private static string? Name(ref ReadOnlySpan<char> rest)
    {
        if (rest.StartsWith("\""))
        {
            return Quoted(ref rest);
        }
        var length = 0;
        while (length < rest.Length && (char.IsLetterOrDigit(rest[length]) || char.IsSurrogate(rest[length]) || rest[length] is '_' or '-' or '$' or '@' or ':'))
        {
            length++;
        }
        var name = rest[..length].ToString();
        rest = rest[length..];
        return length == 0 || !IsText(name) ? null : name;
    }

    /// <summary>A name as JSON writes it.</summary>
    private static string? Quoted(ref ReadOnlySpan<char> rest)
    {
        var end = 1;
        while (end < rest.Length && rest[end] != '"')
        {
            end += rest[end] == '\\' ? 2 : 1;
        }
        if (end >= rest.Length)
        {
            return null;
        }
        try
        {
            using var json = JsonDocument.Parse(rest[..(end + 1)].ToString());
            var name = json.RootElement.GetString();
            rest = rest[(end + 1)..];
            return name;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Whether it has no half of a character.</summary>
    private static bool IsText(string name)
    {
        foreach (var rune in name.EnumerateRunes())
        {
            if (rune == System.Text.Rune.ReplacementChar && !name.Contains('\ufffd'))
            {
                return false;
            }
        }
        return true;
    }

    private static string Unexpected(string text, ReadOnlySpan<char> rest)
    {
        var index = rest.StartsWith("[") ? rest.IndexOf(']') : -1;
        if (index > 0 && (rest[1..index] is "*" || rest[1..index].ContainsAnyExcept("-0123456789:") is false))
        {
            var at = text.Length - rest.Length;
            var behind = rest[(index + 1)..];
            return $"a path takes all entries of a list, got '{text}'; write {text[..at]}{(behind.Length == 0 ? "" : "[]")}{behind}";
        }
        var where = rest.Length == 0 ? "at its end" : $"at '{rest[0]}'";
        return $"not a path, got '{text}', which goes wrong {where}; write author.name or items[].cost, and names with other characters in double quotes";
    }
}
