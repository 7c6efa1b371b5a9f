using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Postern.Pipeline;

namespace Postern.Edge.Authenticating.ApiKeys;

/// <summary>
/// The keys of one reading of a file, by their hash. It takes its place in the way when the configuration that was read with
/// it is taken, and for all that use the way: a gate that goes on with its last good configuration must not go on with keys
/// that were revoked.
/// </summary>
internal sealed class KeyTable : ILive
{
    private static readonly ConditionalWeakTable<KeyFileOptions, object> Readings = [];
    private static long readings;

    private readonly ApiKeyWay way;
    private readonly FrozenDictionary<Digest, HeldKey> keys;

    public KeyTable(ApiKeyWay way, KeyFileOptions? file)
    {
        this.way = way;
        var held = new Dictionary<Digest, HeldKey>();
        foreach (var key in file?.Keys ?? [])
        {
            // What is wrong with an entry was said when the file was read.
            if (key is { Name: not null, Hash: not null } && Digest.TryParse(key.Hash, out var digest))
            {
                held.TryAdd(digest, new HeldKey(key, way.Name));
            }
        }
        keys = held.ToFrozenDictionary();
    }

    /// <inheritdoc/>
    public string? NotReady => null;

    /// <summary>Differs for each reading of a file, so that each is taken: the one before the last may come again.</summary>
    public static string Reading(KeyFileOptions? file) =>
        file is null ? "" : ((long)Readings.GetValue(file, static _ => Interlocked.Increment(ref readings))).ToString(System.Globalization.CultureInfo.InvariantCulture);

    public HeldKey? Find(in Digest digest) => keys.TryGetValue(digest, out var key) ? key : null;

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger) => way.Take(this);

    /// <inheritdoc/>
    public void Dispose() { }
}
