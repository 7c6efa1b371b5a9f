namespace Postern.Config;

/// <summary>Stand-in until the language lands.</summary>
internal static class Nearest
{
    public static string? Of(string word, IEnumerable<string> candidates) => candidates.FirstOrDefault(c => c.StartsWith(word[..1]));
}
