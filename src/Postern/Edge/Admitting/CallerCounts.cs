using System.Runtime.InteropServices;
using Postern.Pipeline;

namespace Postern.Edge.Admitting;

/// <summary>
/// Counts the requests that each caller has in progress. A caller has an entry only while it has one, so there are never more
/// entries than requests. Spread over several tables, each with a lock that is held for one look-up. Outlives reloads.
/// </summary>
internal sealed class CallerCounts : IPermits
{
    private const int Tables = 16;

    private readonly Table[] tables = [.. Enumerable.Range(0, Tables).Select(_ => new Table())];

    /// <summary>Callers with requests in progress.</summary>
    public int Callers => tables.Sum(t => t.Count);

    /// <summary>Counts one more, if the caller may have it.</summary>
    public bool TryEnter(string key, int most) => Of(key).TryEnter(key, most);

    /// <inheritdoc/>
    public void Return(string key) => Of(key).Return(key);

    private Table Of(string key) => tables[key.GetHashCode() & (Tables - 1)];

    private sealed class Table
    {
        private readonly Lock gate = new();
        private readonly Dictionary<string, int> counts = new(StringComparer.Ordinal);

        public int Count
        {
            get
            {
                lock (gate)
                {
                    return counts.Count;
                }
            }
        }

        public bool TryEnter(string key, int most)
        {
            lock (gate)
            {
                ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(counts, key, out _);
                if (count >= most)
                {
                    return false;
                }
                count++;
                return true;
            }
        }

        public void Return(string key)
        {
            lock (gate)
            {
                ref var count = ref CollectionsMarshal.GetValueRefOrNullRef(counts, key);
                if (--count == 0)
                {
                    counts.Remove(key);
                }
            }
        }
    }
}
