using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Admitting;

/// <summary>How requests past one bound are told: what the client reads, what the log says, what is counted.</summary>
/// <param name="limit">The key of the bound.</param>
/// <param name="detail">For the client.</param>
/// <param name="reason">For the log.</param>
/// <param name="refused">The counter.</param>
/// <param name="pace">How fast, for all bounds of a gate.</param>
internal sealed class Refusal(string limit, string detail, string reason, Counter refused, Pace pace)
{
    /// <summary>In seconds. Nobody knows when one of the others ends; a client that comes back at once only adds to what there is too much of.</summary>
    public const int RetryAfter = 1;

    /// <param name="scope">The route.</param>
    /// <param name="time">The clock.</param>
    /// <param name="bound">What bounds: <c>gate</c>, <c>route</c> or <c>consumer</c>.</param>
    /// <param name="why">Why now: <c>full</c> or <c>timeout</c>.</param>
    /// <param name="limit">The key.</param>
    /// <param name="detail">For the client.</param>
    /// <param name="reason">For the log.</param>
    public static Refusal Of(RouteScope scope, TimeProvider time, string bound, string why, string limit, string detail, string reason)
    {
        var gate = scope.Gate.Name;
        var refused = MetricRegistry.Of(scope.State).Counter(
            "postern_concurrency_refused_total", "Requests refused because as many were in progress as may be, by what bounds them.", ("gate", gate), ("bound", bound), ("reason", why));
        return new Refusal(limit, detail, reason, refused, scope.State.Keep("refusals", gate, () => new Pace(time)));
    }

    public Task AnswerAsync(HttpContext context, Exchange exchange)
    {
        refused.Add();
        exchange.Limit = limit;
        var turn = pace.TurnAsync();
        return turn.IsCompleted ? AnswerAsync(context) : AnswerAsync(context, turn);
    }

    private async Task AnswerAsync(HttpContext context, Task turn)
    {
        await turn;
        await AnswerAsync(context);
    }

    private Task AnswerAsync(HttpContext context) => Answer.FailAsync(context, Failure.TooManyAtOnce, detail, reason, retryAfter: RetryAfter);
}
