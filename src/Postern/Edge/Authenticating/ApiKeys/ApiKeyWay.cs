using System.Collections.Frozen;
using Postern.Pipeline;

namespace Postern.Edge.Authenticating.ApiKeys;

/// <summary>
/// Knows callers by their keys: a key's SHA-256 leads to whose it is in one look-up, from a table that is made when the
/// configuration is read. So nothing is fetched, nothing is remembered, and a change of the file is a change of the way. A
/// plain hash is enough, and no slow one is needed: a key that <c>postern keys</c> made can't be guessed.
/// </summary>
internal sealed class ApiKeyWay : Way
{
    private readonly FrozenDictionary<Digest, HeldKey> keys;

    public ApiKeyWay(string name, ApiKeyOptions options) : base(name)
    {
        (Header, Query) = (options.Header, options.Query);
        var held = new Dictionary<Digest, HeldKey>();
        foreach (var key in options.Keys?.Keys ?? [])
        {
            // What is wrong with an entry was said when the file was read.
            if (key is { Name: not null, Hash: not null } && Digest.TryParse(key.Hash, out var digest))
            {
                held.TryAdd(digest, new HeldKey(key, name));
            }
        }
        keys = held.ToFrozenDictionary();
    }

    /// <summary>The header field that carries its keys, or null.</summary>
    public string? Header { get; }

    /// <summary>The query parameter that carries its keys, or null.</summary>
    public string? Query { get; }

    public override string Summary =>
        $"API keys in {(Header is not null ? $"the header {Header}" : $"the query parameter {Query}")}, {keys.Count} of them";

    public override Consumer? Find(in Digest digest) => keys.TryGetValue(digest, out var key) && key.Holds(Time) ? key.Consumer : null;

    /// <summary>The client isn't told whether a key was once good; the log is.</summary>
    public override ValueTask<Verdict> JudgeAsync(string credential, Digest digest, string client)
    {
        if (!keys.TryGetValue(digest, out var key))
        {
            return new(Verdict.Refused(Failure.InvalidKey, null, "no such key"));
        }
        return new(key.Holds(Time) ? Verdict.Known(key.Consumer) : Verdict.Refused(Failure.InvalidKey, null, key.Ended));
    }
}
