namespace Postern.Transforms.JmesPath.Parsing;

/// <summary>What is wrong with an expression. It is thrown and caught within the parser, when a configuration is read.</summary>
internal sealed class Unreadable(int position, string what, string fix) : Exception
{
    /// <summary>What the language calls it.</summary>
    public string Code { get; init; } = "syntax";

    /// <summary>The error as it is told.</summary>
    public ExpressionError In(string text) =>
        new(position, $"{what} at character {position + 1} of \"{Excerpt.Around(text, position)}\"{(fix.Length > 0 ? "; " + fix : "")}") { Code = Code };
}

/// <summary>As much of a text as a message bears.</summary>
internal static class Excerpt
{
    private const int Most = 60;

    public static string Of(string text) => Around(text, 0);

    /// <summary>What stands before and behind a place.</summary>
    public static string Around(string text, int position)
    {
        if (text.Length <= Most)
        {
            return OneLine(text);
        }
        var start = Math.Clamp(position - Most / 2, 0, text.Length - Most);
        return (start > 0 ? "…" : "") + OneLine(text.Substring(start, Most)) + (start + Most < text.Length ? "…" : "");
    }

    private static string OneLine(string text) => text.TrimEnd().ReplaceLineEndings(" ").Replace('\t', ' ');
}
