namespace Postern.Config;

/// <summary>
/// What was written in one place that features share (the root, an upstream, a gate, a route): each feature's own
/// record, holding the keys that feature owns. A property left null was not written.
/// </summary>
public sealed class SectionSet
{
    private readonly Dictionary<Type, Options> records = [];
    private readonly HashSet<string> off = [];

    /// <summary>Where the mapping stands.</summary>
    internal Origin Origin { get; set; } = new(null, 0, 0, "");

    /// <summary>The feature's record as written; an empty one where nothing was.</summary>
    public T Written<T>() where T : Options, new() => records.TryGetValue(typeof(T), out var o) ? (T)o : new T { Origin = Origin };

    /// <summary>Changes the feature's record: the way the C# builders write.</summary>
    public void Set<T>(Func<T, T> change) where T : Options, new() => records[typeof(T)] = change(Written<T>());

    /// <summary>Keys written as <c>off</c>: not inherited from the gate.</summary>
    public ISet<string> Off => off;

    /// <summary>Every record that something was written into.</summary>
    internal IEnumerable<Options> All => records.Values;

    internal void Put(Options record) => records[record.GetType()] = record;

    internal Options? Find(Type type) => records.GetValueOrDefault(type);
}
