using System.Collections;

namespace Postern.Config;

/// <summary>A list that equals another with the same entries, so that records which say the same are equal.</summary>
internal sealed class ValueList<T>(IReadOnlyList<T> entries) : IReadOnlyList<T>, IEquatable<ValueList<T>>
{
    public T this[int index] => entries[index];

    public int Count => entries.Count;

    public IEnumerator<T> GetEnumerator() => entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public bool Equals(ValueList<T>? other) => other is not null && entries.SequenceEqual(other);

    public override bool Equals(object? obj) => Equals(obj as ValueList<T>);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var entry in entries)
        {
            hash.Add(entry);
        }
        return hash.ToHashCode();
    }
}
