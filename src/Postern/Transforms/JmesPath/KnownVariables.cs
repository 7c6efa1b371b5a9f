using System.Collections.Frozen;

namespace Postern.Transforms.JmesPath;

/// <summary>The variables that every expression of a route knows: what the client's request says.</summary>
internal static class KnownVariables
{
    /// <summary>Their names, without the dollar.</summary>
    public static FrozenSet<string> Names { get; } = new[] { "params", "query", "headers", "cookies", "claims", "consumer", "body" }.ToFrozenSet(StringComparer.Ordinal);
}
