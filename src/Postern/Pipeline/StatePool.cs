using Microsoft.Extensions.Logging;

namespace Postern.Pipeline;

/// <summary>
/// What must outlive a reload: connection pools, counters, health. Compiling asks for an object by kind, name and options;
/// where the last configuration had the same, it gets the live one. Objects that no snapshot asks for any more are retired
/// after the swap: an <see cref="IDisposable"/> is told, and lets requests that still hold it finish.
/// </summary>
public sealed class StatePool
{
    private Dictionary<(string Kind, string Key), object> live = [];
    private Dictionary<(string Kind, string Key), object> next = [];
    private HashSet<(string, string)>? recording;

    /// <summary>The live object of that kind and key, or a new one.</summary>
    /// <param name="kind">What it is: <c>connections</c>.</param>
    /// <param name="key">Everything that makes two of them differ.</param>
    /// <param name="create">Makes it; must open nothing.</param>
    public T Keep<T>(string kind, string key, Func<T> create) where T : class
    {
        var made = live.TryGetValue((kind, key), out var old) ? old : next.TryGetValue((kind, key), out var fresh) ? fresh : create();
        next[(kind, key)] = made;
        recording?.Add((kind, key));
        return (T)made;
    }

    /// <summary>The objects of one type that are in use.</summary>
    internal IEnumerable<T> Live<T>() => live.Values.OfType<T>();

    /// <summary>Notes which objects are asked for from here on; null ends it.</summary>
    internal void Record(HashSet<(string, string)>? keys) => recording = keys;

    /// <summary>Keeps live objects that the new configuration doesn't ask for, because a gate still runs on its last good one.</summary>
    internal void Retain(IEnumerable<(string, string)> keys)
    {
        foreach (var key in keys)
        {
            if (live.TryGetValue(key, out var state))
            {
                next[key] = state;
            }
        }
    }

    /// <summary>Why what is in use can't do its work yet, each reason once; null where all can.</summary>
    internal string? NotReady =>
        live.Values.OfType<ILive>().Select(l => l.NotReady).OfType<string>().Distinct().Order(StringComparer.Ordinal).ToArray() is { Length: > 0 } reasons
            ? string.Join("; ", reasons) : null;

    /// <summary>The new snapshot is about to run: what it brings begins its work, so that no request finds it idle.</summary>
    internal void Start(TimeProvider time, ILogger logger)
    {
        foreach (var (key, state) in next)
        {
            if (state is ILive begins && !live.ContainsKey(key))
            {
                begins.Start(time, logger);
            }
        }
    }

    /// <summary>The new snapshot runs: what it did not ask for is retired.</summary>
    internal void Commit()
    {
        foreach (var (key, state) in live)
        {
            if (!next.ContainsKey(key))
            {
                (state as IDisposable)?.Dispose();
            }
        }
        (live, next) = (next, []);
    }

    /// <summary>The new snapshot failed: what only it asked for is dropped.</summary>
    internal void Abandon()
    {
        foreach (var (key, state) in next)
        {
            if (!live.ContainsKey(key))
            {
                (state as IDisposable)?.Dispose();
            }
        }
        next = [];
    }
}
