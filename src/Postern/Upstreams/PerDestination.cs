using System.Runtime.CompilerServices;

namespace Postern.Upstreams;

/// <summary>
/// Something that is known of each destination. Where a reload puts another object in the place of a destination, because it is
/// connected to in another way now, what was known of the one is known of the other.
/// </summary>
internal sealed class PerDestination<T> where T : class
{
    private readonly ConditionalWeakTable<Destination, T> each = [];
    private readonly Lock gate = new();

    /// <summary>All that are still held by somebody.</summary>
    public IEnumerable<KeyValuePair<Destination, T>> All => each;

    public bool TryGet(Destination destination, out T? known) => each.TryGetValue(destination, out known);

    /// <summary>What is known of it, or of the one that it takes the place of; else what is made.</summary>
    public T Of(Destination destination, Func<Destination, T> make)
    {
        lock (gate)
        {
            if (!each.TryGetValue(destination, out var known))
            {
                known = each.FirstOrDefault(e => e.Key.Name == destination.Name && !e.Key.IsRetired).Value ?? make(destination);
                each.Add(destination, known);
            }
            return known;
        }
    }

    /// <summary>Whether a destination of that name is still in use.</summary>
    public bool Has(string name) => each.Any(e => e.Key.Name == name && !e.Key.IsRetired);
}
