using System.Collections.Concurrent;

namespace Postern.Pipeline;

/// <summary>
/// Remembers at most so many entries, in two generations: when the young one is full it becomes the old one and the old one
/// is dropped; what is asked for in the old one moves to the young one. So what is in use stays, at the price of one
/// dictionary look-up, with no list to keep in order and no lock but for the move.
/// </summary>
/// <param name="capacity">How many entries at most; each generation holds half.</param>
internal sealed class BoundedCache<TKey, TValue>(int capacity) where TKey : notnull where TValue : class
{
    private readonly Lock turning = new();
    private readonly int half = Math.Max(1, capacity / 2);
    private volatile Generation young = new();
    private volatile Generation old = new();

    /// <summary>The entry, or null.</summary>
    public TValue? Find(TKey key)
    {
        if (young.Entries.TryGetValue(key, out var value))
        {
            return value;
        }
        return old.Entries.ContainsKey(key) ? Promote(key) : null;
    }

    /// <summary>Remembers an entry, instead of one that the key may have.</summary>
    public void Set(TKey key, TValue value)
    {
        var into = young;
        if (into.Entries.TryAdd(key, value))
        {
            if (Interlocked.Increment(ref into.Count) >= half)
            {
                Turn(into);
            }
        }
        else
        {
            into.Entries[key] = value;
        }
    }

    /// <summary>Forgets an entry.</summary>
    public void Remove(TKey key)
    {
        lock (turning)
        {
            old.Entries.TryRemove(key, out _);
            if (young.Entries.TryRemove(key, out _))
            {
                Interlocked.Decrement(ref young.Count);
            }
        }
    }

    /// <summary>Takes an entry over from the old generation. Once for each, and under the lock: what was set or removed meanwhile must not come back as it was.</summary>
    private TValue? Promote(TKey key)
    {
        lock (turning)
        {
            var into = young;
            if (into.Entries.TryGetValue(key, out var newer))
            {
                return newer;
            }
            if (!old.Entries.TryGetValue(key, out var value))
            {
                return null;
            }
            if (!into.Entries.TryAdd(key, value))
            {
                return into.Entries.GetValueOrDefault(key, value);
            }
            if (Interlocked.Increment(ref into.Count) >= half)
            {
                Turn(into);
            }
            return value;
        }
    }

    private void Turn(Generation full)
    {
        lock (turning)
        {
            if (young == full)
            {
                old = full;
                young = new Generation();
            }
        }
    }

    private sealed class Generation
    {
        public readonly ConcurrentDictionary<TKey, TValue> Entries = new();
        public int Count;
    }
}
