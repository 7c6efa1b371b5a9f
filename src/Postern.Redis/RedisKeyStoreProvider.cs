using Postern.Config;
using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Redis;

/// <summary>Opens API keys in Redis.</summary>
internal sealed class RedisKeyStoreProvider : IKeyStoreProvider
{
    public static RedisKeyStoreProvider Only { get; } = new();

    /// <inheritdoc/>
    public IKeyStore Open(RedisOptions options) => new RedisKeyStore(RedisConnection.Share(options), options.Prefix);
}
