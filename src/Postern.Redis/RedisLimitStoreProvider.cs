using Postern.Config;
using Postern.Edge.RateLimiting;

namespace Postern.Redis;

/// <summary>Opens counters in Redis.</summary>
internal sealed class RedisLimitStoreProvider : ILimitStoreProvider
{
    public static RedisLimitStoreProvider Only { get; } = new();

    /// <inheritdoc/>
    public ILimitStore Open(RedisOptions options) => new RedisLimitStore(RedisConnection.Share(options), options.Prefix);
}
