using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Postern.Config;

/// <summary>A mapping that keeps the order in which it was written and equals another with the same keys, values and order.</summary>
internal sealed class ValueMap<T>(OrderedDictionary<string, T> entries) : IReadOnlyDictionary<string, T>, IEquatable<ValueMap<T>>
{
    public T this[string key] => entries[key];

    public IEnumerable<string> Keys => entries.Keys;

    public IEnumerable<T> Values => entries.Values;

    public int Count => entries.Count;

    public bool ContainsKey(string key) => entries.ContainsKey(key);

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out T value) => entries.TryGetValue(key, out value);

    public IEnumerator<KeyValuePair<string, T>> GetEnumerator() => entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public bool Equals(ValueMap<T>? other) => other is not null && entries.SequenceEqual(other);

    public override bool Equals(object? obj) => Equals(obj as ValueMap<T>);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var (key, value) in entries)
        {
            hash.Add(key);
            hash.Add(value);
        }
        return hash.ToHashCode();
    }
}
