using System.Collections.Frozen;
using Microsoft.AspNetCore.Http;

namespace Postern.Pipeline;

/// <summary>
/// Header fields by which the gateway tells upstreams who is calling. Upstreams believe them, so what a client sends under
/// these names is removed from every request, before a route is even chosen; trailers too. Names with underscores are
/// dropped by the guard, whatever they spell.
/// </summary>
internal sealed class ReservedFields(IEnumerable<string> reserved)
{
    private readonly FrozenSet<string> names = reserved.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>No names at all.</summary>
    public static ReservedFields None { get; } = new([]);

    /// <summary>Whether a client may not say it.</summary>
    public bool Contains(string name) => names.Contains(name);

    /// <summary>Removes them from a request's fields.</summary>
    public void RemoveFrom(IHeaderDictionary headers)
    {
        foreach (var name in names.Items)
        {
            headers.Remove(name);
        }
    }
}
