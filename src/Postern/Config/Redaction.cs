using System.Text.RegularExpressions;

namespace Postern.Config;

/// <summary>
/// Keeps secrets out of messages. Whoever checks a value may print it without knowing where it came from; here it is
/// taken out again, wholly or in the parts that a message quotes.
/// </summary>
internal sealed partial class Redaction
{
    /// <summary>What stands in a secret's place.</summary>
    public const string Mark = "(secret)";

    /// <summary>A text shorter than this may be any word of a message, so it is taken out only where it was written,</summary>
    private const int Telling = 6;

    /// <summary>and one shorter than this only where the message quotes it.</summary>
    private const int TellingAtItsPlace = 3;

    private readonly HashSet<string> secrets = [];

    public void Hide(string secret) => secrets.Add(secret);

    public string Apply(Origin at, string message)
    {
        if (secrets.Count == 0 && !at.Secret)
        {
            return message;
        }
        foreach (var secret in secrets.Where(s => s.Length >= (at.Secret ? TellingAtItsPlace : Telling)).OrderByDescending(s => s.Length))
        {
            message = message.Replace(secret, Mark, StringComparison.OrdinalIgnoreCase);
        }
        if (at.Secret && at.Text is { } text)
        {
            message = Quoted().Replace(message, m => Holds(text, m.Groups[1].Value) ? Mark : m.Value);
            message = Got().Replace(message, m => Holds(text, m.Groups[1].Value) ? "got " + Mark : m.Value);
        }
        return message.Replace($"'{Mark}'", Mark);
    }

    private static bool Holds(string text, string part) => part.Length > 0 && text.Contains(part, StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex("'([^']*)'")]
    private static partial Regex Quoted();

    [GeneratedRegex("got ([^;]+)")]
    private static partial Regex Got();
}
