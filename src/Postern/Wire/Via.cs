using Microsoft.Extensions.Primitives;

namespace Postern.Wire;

/// <summary><c>Via</c> (RFC 9110 §7.6.3): what this gateway adds to it, and how often it is already there.</summary>
internal static class Via
{
    /// <summary>The name under which the gateway stands in <c>Via</c>.</summary>
    public const string Pseudonym = "postern";

    /// <summary>A request that has been here this often goes round in circles.</summary>
    public const int MaxPasses = 8;

    /// <summary>The entry to append to a message that was received over <paramref name="protocol"/> (<c>HTTP/1.1</c>, <c>HTTP/2</c>).</summary>
    public static string Entry(string protocol) => protocol switch
    {
        "HTTP/1.1" => "1.1 " + Pseudonym,
        "HTTP/2" or "HTTP/2.0" => "2 " + Pseudonym,
        "HTTP/1.0" => "1.0 " + Pseudonym,
        "HTTP/3" or "HTTP/3.0" => "3 " + Pseudonym,
        _ => "1.1 " + Pseudonym,
    };

    /// <summary>How many entries of this gateway are in the request's <c>Via</c> fields.</summary>
    public static int CountPasses(StringValues fields)
    {
        var passes = 0;
        foreach (var field in fields)
        {
            if (field is not null && field.Contains(Pseudonym, StringComparison.OrdinalIgnoreCase))
            {
                passes += CountEntries(field);
            }
        }
        return passes;
    }

    private static int CountEntries(ReadOnlySpan<char> field)
    {
        var passes = 0;
        // A comment that never ends would hide all that follows it, so it is then no comment.
        var comments = CommentsEnd(field);
        while (!field.IsEmpty)
        {
            var end = EndOfEntry(field, comments);
            if (IsOurs(field[..end]))
            {
                passes++;
            }
            field = end < field.Length ? field[(end + 1)..] : default;
        }
        return passes;
    }

    /// <summary>Whether every comment of the field has an end.</summary>
    private static bool CommentsEnd(ReadOnlySpan<char> field)
    {
        var depth = 0;
        for (var i = 0; i < field.Length; i++)
        {
            Step(field, ref i, ref depth);
        }
        return depth == 0;
    }

    private static int EndOfEntry(ReadOnlySpan<char> field, bool comments)
    {
        var depth = 0;
        for (var i = 0; i < field.Length; i++)
        {
            if (comments)
            {
                Step(field, ref i, ref depth);
            }
            if (depth == 0 && i < field.Length && field[i] == ',')
            {
                return i;
            }
        }
        return field.Length;
    }

    /// <summary>Follows comments, which nest, and in which a backslash takes the next character's meaning (RFC 9110 §5.6.5).</summary>
    private static void Step(ReadOnlySpan<char> field, ref int at, ref int depth)
    {
        if (field[at] == '(')
        {
            depth++;
        }
        else if (depth > 0 && field[at] == ')')
        {
            depth--;
        }
        else if (depth > 0 && field[at] == '\\')
        {
            at++;
        }
    }

    /// <summary>received-protocol RWS received-by, and perhaps a comment.</summary>
    private static bool IsOurs(ReadOnlySpan<char> entry)
    {
        entry = entry.Trim(" \t");
        var blank = entry.IndexOfAny(' ', '\t');
        if (blank < 0)
        {
            return false;
        }
        var by = entry[blank..].TrimStart(" \t");
        var end = by.IndexOfAny(' ', '\t', '(');
        return (end < 0 ? by : by[..end]).Equals(Pseudonym, StringComparison.OrdinalIgnoreCase);
    }
}
