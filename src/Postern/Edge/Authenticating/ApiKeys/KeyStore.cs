namespace Postern.Edge.Authenticating.ApiKeys;

/// <summary>What a store holds, in the order made.</summary>
/// <param name="Keys">The entries as they are there.</param>
/// <param name="Damaged">The hashes of entries that can't be read.</param>
/// <param name="Version">What it was when this was read; every change makes another one.</param>
public sealed record KeyListing(IReadOnlyList<KeyOptions> Keys, IReadOnlyList<string> Damaged, long Version);

/// <summary>
/// API keys that several gateways share, by their hash. Nothing waits longer than the options' time-out: what the store can't
/// do by then is an exception. What it holds is not trusted; whoever asks validates it.
/// </summary>
public interface IKeyStore
{
    /// <summary>The entry of one key; null where there is none. One round trip.</summary>
    /// <param name="hash">The key's SHA-256: 64 lower-case hexadecimal digits.</param>
    /// <exception cref="InvalidDataException">There is one, and it can't be read.</exception>
    /// <exception cref="IOException">The store is not there.</exception>
    /// <exception cref="TimeoutException">It hasn't answered in time.</exception>
    ValueTask<KeyOptions?> FindAsync(string hash);

    /// <summary>Hears of changes from now on: the key's hash, or null where others may have been missed. Called on any thread; must not block.</summary>
    void Watch(Action<string?> changed);

    /// <summary>All of them.</summary>
    ValueTask<KeyListing> ListAsync();

    /// <summary>Writes entries, new ones and others, and tells who watches. All or nothing; false where something was changed since that version.</summary>
    ValueTask<bool> ChangeAsync(IReadOnlyList<KeyOptions> changed, long version);
}

/// <summary>Opens a store; brought in by <see cref="Config.GatewayConfig.Provide"/>.</summary>
public interface IKeyStoreProvider
{
    /// <summary>The store at that Redis. Returns at once and connects in the background; an <see cref="IAsyncDisposable"/> is told when it is no longer used.</summary>
    IKeyStore Open(Config.RedisOptions options);
}
