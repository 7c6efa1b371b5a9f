using System.Text;

namespace Postern.Config.Yaml;

/// <summary>
/// <c>${env:NAME}</c> and <c>${file:/path}</c> in a plain value. They are filled in after YAML was read, so what they hold
/// can't become a key or a list; and from then on no message shows it.
/// </summary>
internal sealed class Substitution(Check check, Sources sources, Func<string, string?> environment)
{
    /// <summary>The value filled in, whether a part of it is secret, and what is missing.</summary>
    public readonly record struct Result(string Text, bool Secret, string? Problem);

    public Result Fill(string text, string directory)
    {
        if (!text.Contains("${", StringComparison.Ordinal))
        {
            return new Result(text, false, null);
        }
        var (filled, secret, at) = (new StringBuilder(), false, 0);
        while (text.IndexOf("${", at, StringComparison.Ordinal) is >= 0 and var start)
        {
            if (start > 0 && text[start - 1] == '$')
            {
                filled.Append(text, at, start - at - 1).Append("${");
                at = start + 2;
                continue;
            }
            var end = text.IndexOf('}', start);
            if (end < 0)
            {
                return new Result("", false, "'${' is never closed; add '}', or write $${ for the two characters themselves");
            }
            var (value, problem) = Value(text[(start + 2)..end], directory);
            if (problem is not null)
            {
                return new Result("", false, problem);
            }
            check.Hide(value!);
            filled.Append(text, at, start - at).Append(value);
            (secret, at) = (true, end + 1);
        }
        return new Result(filled.Append(text, at, text.Length - at).ToString(), secret, null);
    }

    private (string? Value, string? Problem) Value(string reference, string directory)
    {
        if (reference.StartsWith("env:", StringComparison.Ordinal))
        {
            var name = reference[4..];
            return name.Length == 0 || name.Contains('\0') || name.Contains('=') ? (null, "the name of an environment variable is missing; write ${env:NAME}")
                : environment(name) switch
                {
                    null => (null, $"the environment variable {name} is not set; set it before starting"),
                    "" => (null, $"the environment variable {name} is empty; give it a value"),
                    var value => (value, null),
                };
        }
        if (reference.StartsWith("file:", StringComparison.Ordinal) && reference.Length > 5)
        {
            var (text, problem) = sources.Read(Path.Combine(directory, reference[5..]), Sources.MaxSecret);
            return problem is not null ? (null, $"can't read the file {reference[5..]}: {problem}")
                : text!.TrimEnd('\r', '\n') is { Length: > 0 } value ? (value, null)
                : (null, $"the file {reference[5..]} is empty; write the secret into it");
        }
        var meant = reference is [>= 'a' and <= 'z', ..] && !reference.Contains(':') ? $"{{{reference}}} for a value of the request, " : "";
        return (null, $"neither env: nor file:, got '${{{reference}}}'; write {meant}${{env:NAME}} or ${{file:/path}}, or $${{ for the two characters themselves");
    }
}
