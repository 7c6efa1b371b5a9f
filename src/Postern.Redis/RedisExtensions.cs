using Postern.Edge.Authenticating.ApiKeys;
using Postern.Edge.RateLimiting;

namespace Postern.Redis;

/// <summary>Brings Redis into a gateway.</summary>
public static class RedisExtensions
{
    /// <summary>Lets <c>redis</c> at the root be used: without it, a configuration that names a Redis is refused.</summary>
    public static GatewayBuilder UseRedis(this GatewayBuilder builder)
    {
        builder.Config.Provide<IKeyStoreProvider>(RedisKeyStoreProvider.Only);
        builder.Config.Provide<ILimitStoreProvider>(RedisLimitStoreProvider.Only);
        return builder;
    }
}
