using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.RateLimiting;

/// <summary>What was decided of a request, and by whom.</summary>
/// <param name="Decision">What was decided.</param>
/// <param name="Alone">Whether this instance decided by itself although a store is there for it.</param>
internal readonly record struct Taken(LimitDecision Decision, bool Alone);

/// <summary>Decides the limits of all gates: in memory, or through the store that the configuration names.</summary>
internal sealed class Limiter
{
    private readonly LocalLimits local;
    private readonly SharedLimits? shared;

    private Limiter(LocalLimits local, SharedLimits? shared) => (this.local, this.shared) = (local, shared);

    /// <summary>The gateway's limiter. Where a store is asked for and none is brought in, <see cref="Check"/> says so.</summary>
    public static Limiter Of(GatewayConfig config, StatePool state)
    {
        var local = state.Keep("limits", "memory", () => new LocalLimits(MetricRegistry.Of(state)));
        return config.Root.Written<GatewayOptions>().Redis is { } redis && config.Provided<ILimitStoreProvider>() is { } provider
            ? new Limiter(local, state.Keep("limits", $"redis {ConfigText.Fingerprint(redis)}", () => new SharedLimits(redis, provider, local, MetricRegistry.Of(state))))
            : new Limiter(local, null);
    }

    /// <summary>Reports a store that nobody brings in.</summary>
    public static void Check(GatewayConfig config, Check check)
    {
        var options = config.Root.Written<GatewayOptions>();
        if (options.Redis is not null && config.Provided<ILimitStoreProvider>() is null)
        {
            check.Error(options, "redis", "nothing here speaks Redis; add the package Postern.Redis and call gateway.UseRedis(), or remove redis");
        }
    }

    /// <summary>Where limits are counted, for <c>postern explain</c>.</summary>
    public string Place => shared is null ? "in memory" : "in Redis";

    /// <summary>Decides all limits of a plan for one key; completes at once where no other instance needs to be asked.</summary>
    public ValueTask<Taken> TakeAsync(CountedPlan plan, string key, int cost) =>
        shared is null ? new ValueTask<Taken>(new Taken(local.Take(plan.Compiled, key, cost), false)) : shared.TakeAsync(plan, key, cost);
}
