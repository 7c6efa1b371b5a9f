using Postern.Config;
using Postern.Transforms.Shaping;

namespace Postern.Backends.Composing;

/// <summary>What is said of a name in an expression that nothing has: mostly it is misspelt, or was meant to be a text.</summary>
internal static class UnknownName
{
    /// <param name="what">What it could have been the name of.</param>
    /// <param name="name">The name.</param>
    /// <param name="known">The names that are there.</param>
    /// <param name="written">The expression.</param>
    public static string Tell(string what, string name, IReadOnlyCollection<string> known, string? written)
    {
        if (name is "true" or "false" or "null")
        {
            return $"'{name}' is a name here, and nothing is called so; the value is written `{name}`";
        }
        if (written?.Contains($"-{name}", StringComparison.Ordinal) is true)
        {
            return $"no {what} named '{name}': '-' subtracts it; a name that holds one stands in double quotes";
        }
        var there = known.Count == 0 ? "there are none beside" : $"there are {string.Join(", ", known)}";
        return $"no {what} named '{name}'{Fix(name, known, written)} ({there})";
    }

    private static string Fix(string name, IReadOnlyCollection<string> known, string? written)
    {
        if (written?.Contains($"\"{name}\"", StringComparison.Ordinal) is true)
        {
            return $"; a text stands between single quotes: '{name}'";
        }
        if (RequestVariables.Names.Contains(name))
        {
            return $"; of the client's request it is ${name}";
        }
        if (Nearest.Hint(name, known) is { Length: > 0 } near)
        {
            return near;
        }
        // What is gone into was meant to be there.
        return written is null || written.Contains($"{name}.", StringComparison.Ordinal) || written.Contains($"{name}[", StringComparison.Ordinal) ? ""
            : written == name ? $"; for the text itself write \"'{name}'\""
            : $"; a text stands between single quotes: '{name}'";
    }
}
