using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Admitting;

/// <summary>How requests past one bound are told: what the client reads, what the log says, what is counted.</summary>
/// <param name="limit">The key of the bound.</param>
/// <param name="detail">For the client.</param>
/// <param name="reason">For the log.</param>
/// <param name="refused">The counter.</param>
internal sealed class Refusal(string limit, string detail, string reason, Counter refused)
{
    /// <summary>In seconds. Nobody knows when one of the others ends; a client that comes back at once only adds to what there is too much of.</summary>
    public const int RetryAfter = 1;

    public static Refusal Of(MetricRegistry metrics, string gate, string bound, string why, string limit, string detail, string reason) => new(limit, detail, reason, metrics.Counter(
        "postern_concurrency_refused_total", "Requests refused because as many were in progress as may be, by what bounds them.", ("gate", gate), ("bound", bound), ("reason", why)));

    public Task AnswerAsync(HttpContext context, Exchange exchange)
    {
        refused.Add();
        exchange.Limit = limit;
        return Answer.FailAsync(context, Failure.TooManyAtOnce, detail, reason, retryAfter: RetryAfter);
    }
}
