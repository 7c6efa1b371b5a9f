using Postern.Config;
using Postern.Edge.RateLimiting;
using Postern.Redis;
using Postern.Tests.Harness;

namespace Postern.Tests.Redis;

/// <summary>Stores of counters in a Redis, and plans to count by.</summary>
internal static class Stores
{
    /// <summary>Long enough for a machine that has much else to do.</summary>
    public static readonly TimeSpan Patient = TimeSpan.FromSeconds(10);

    private static int opened;

    public static RedisOptions Options(RedisServer server, string prefix = "postern", TimeSpan? timeout = null) =>
        new() { Url = server.Url, Prefix = prefix, Timeout = timeout ?? Patient };

    /// <summary>Opens one as a gateway does.</summary>
    public static RedisLimitStore Open(RedisServer server, string prefix = "postern", TimeSpan? timeout = null) =>
        (RedisLimitStore)RedisLimitStoreProvider.Only.Open(Options(server, prefix, timeout));

    /// <summary>Opens one with a connection of its own, as another instance has.</summary>
    public static RedisLimitStore Another(RedisServer server, string prefix = "postern", TimeSpan? timeout = null) =>
        new(RedisConnection.Share(Options(server, prefix, timeout) with { Url = $"{server.Url}/{new string('0', 1 + Interlocked.Increment(ref opened))}" }), prefix);

    /// <summary>A plan that decides all of these rules.</summary>
    public static LimitPlan Plan(string name, params LimitRule[] rules) => new(name, rules, [.. Enumerable.Range(0, rules.Length)]);

    public static LimitRule Rule(LimitAlgorithm algorithm, long limit, TimeSpan? window = null, long? capacity = null, string name = "r") =>
        new(name, algorithm, limit, window ?? TimeSpan.FromMinutes(1), capacity ?? limit);
}
