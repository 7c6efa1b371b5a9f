using System.Collections.Frozen;

namespace Postern.Transforms.JmesPath.Functions;

/// <summary>All functions. A new one is a line in its family, a new family a line here.</summary>
internal static class FunctionTable
{
    private static readonly FrozenDictionary<string, Function> ByName = Enumerable.Empty<Function>()
        .Concat(Numbers.All)
        .Concat(Texts.All)
        .Concat(Searches.All)
        .Concat(Padding.All)
        .Concat(Lists.All)
        .Concat(Sorting.All)
        .Concat(Objects.All)
        .Concat(Conversions.All)
        .Concat(Wording.All)
        .ToFrozenDictionary(f => f.Name, StringComparer.Ordinal);

    /// <summary>Their names, sorted.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. ByName.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The one of that name, or null.</summary>
    public static Function? Find(string name) => ByName.GetValueOrDefault(name);
}
