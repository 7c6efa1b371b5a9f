using System.Text;
using System.Text.RegularExpressions;
using Postern.Pipeline;

namespace Postern.Transforms;

/// <summary>Text in which <c>{name}</c> stands for a route parameter's bytes; other braces are themselves.</summary>
internal sealed partial class FilledText
{
    private readonly List<(string Text, int Parameter)> parts = [];

    public FilledText(string text, IReadOnlyList<string> parameters)
    {
        var from = 0;
        foreach (Match match in Name().Matches(text))
        {
            var index = parameters.ToList().IndexOf(match.Groups[1].Value);
            if (index >= 0)
            {
                parts.Add((text[from..match.Index], -1));
                parts.Add(("", index));
                from = match.Index + match.Length;
            }
        }
        parts.Add((text[from..], -1));
    }

    /// <summary>The first name in braces that is no parameter's; null where there is none.</summary>
    public static string? Unknown(string text, IReadOnlyList<string> parameters)
    {
        foreach (Match match in Name().Matches(text))
        {
            if (!parameters.Contains(match.Groups[1].Value))
            {
                return match.Groups[1].Value;
            }
        }
        return null;
    }

    public string Fill(Exchange exchange)
    {
        if (parts.Count == 1)
        {
            return parts[0].Text;
        }
        var filled = new StringBuilder();
        foreach (var (text, parameter) in parts)
        {
            _ = parameter < 0 ? filled.Append(text) : filled.Append(exchange.Path.AsSpan(exchange.Parameters[parameter]));
        }
        return filled.ToString();
    }

    [GeneratedRegex(@"\{\**([A-Za-z_][\w-]*)\}")]
    private static partial Regex Name();
}
