using Postern.Config;

namespace Postern.Edge.Authenticating.ApiKeys;

/// <summary>What an entry in a store must be, beyond what one in a file must: a store holds what anyone with access to it wrote.</summary>
internal static class KeyEntry
{
    /// <summary>The most scopes that a key in a store has.</summary>
    public const int MostScopes = 128;

    /// <summary>The longest scope.</summary>
    public const int LongestScope = 256;

    /// <summary>What is wrong with it, in words that repeat nothing of it; null where nothing is.</summary>
    public static string? Fault(KeyOptions entry, string hash)
    {
        if (entry.Hash != hash)
        {
            return "it says another hash";
        }
        if (string.IsNullOrEmpty(entry.Name))
        {
            return "it has no name";
        }
        if (entry.Scopes?.Count > MostScopes)
        {
            return $"it has more than {MostScopes} scopes";
        }
        if (entry.Scopes?.Any(s => s.Length > LongestScope) is true)
        {
            return $"it has a scope of more than {LongestScope} characters";
        }
        var check = new Check();
        entry.Validate(check);
        return check.Problems is [var first, ..] ? $"its {first.Path} can't be read" : null;
    }
}
