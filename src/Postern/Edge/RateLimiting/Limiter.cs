using Microsoft.Extensions.Logging;
using Postern.Pipeline;

namespace Postern.Edge.RateLimiting;

/// <summary>Decides limits for all gates: counts in memory.</summary>
internal sealed class Limiter : ILive
{
    /// <summary>The gateway's limiter.</summary>
    public static Limiter Of(RouteScope scope) => scope.State.Keep("limits", "", static () => new Limiter());

    /// <inheritdoc/>
    public string? NotReady => null;

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger) { }

    /// <summary>Decides all limits of a plan for one key; completes at once where no other instance needs to be asked.</summary>
    public ValueTask<LimitDecision> TakeAsync(LimitPlan plan, string key, int cost) => throw new NotSupportedException($"{plan}{key}{cost}");

    /// <inheritdoc/>
    public void Dispose() { }
}
