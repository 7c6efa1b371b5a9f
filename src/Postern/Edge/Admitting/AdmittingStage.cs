using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Admitting;

/// <summary>
/// Lets in as many requests as a gate may have in progress, so that one gate's flood, or its slow upstream, never takes what
/// the others need. Those past it wait in line where there is one, or get 503 at once. Stands right behind guarding and before
/// all that costs something, such as looking at a token; so it counts whoever is calling, and doesn't ask who.
/// </summary>
internal sealed class AdmittingStage(TimeProvider time) : IStage
{
    public AdmittingStage() : this(TimeProvider.System) { }

    /// <inheritdoc/>
    public RequestDelegate Compile(RouteScope scope, RequestDelegate next)
    {
        if (scope.Options<ConcurrencySection>().MaxConcurrent is not { Requests: { } requests } options)
        {
            return next;
        }
        var reach = Reach.Of(scope, s => s.MaxConcurrent);
        var queueTimeout = options.QueueTimeout ?? TimeSpan.FromSeconds(1);
        var admission = scope.State.Keep("concurrency", reach.Key, () => new Admission(requests, options.Queue, queueTimeout, time));
        var bounds = admission.Plan(requests, options.Queue, queueTimeout);
        scope.Note("maxConcurrent", $"{requests} at once, {(reach.Route is null ? $"gate {reach.Gate} together" : "this route alone")}; "
            + (bounds.Queue > 0 ? $"{bounds.Queue} more wait up to {Scalars.Format(bounds.QueueTimeout)}; " : "") + "503 past it");
        var metrics = MetricRegistry.Of(scope.State);
        metrics.Gauge("postern_concurrency_requests", "Requests in progress that a bound counts.", () => admission.InProgress, reach.Labels);
        metrics.Gauge("postern_concurrency_limit", "How many requests that bound lets in.", () => admission.Limit, reach.Labels);
        metrics.Gauge("postern_concurrency_queued", "Requests that wait until that bound lets them in.", () => admission.Waiting, reach.Labels);
        var waits = metrics.Histogram("postern_concurrency_queue_duration_seconds", "How long requests waited that had to, let in or not.", reach.Labels);
        return new Door(next, admission, bounds, waits, Refused("full", "all in use"), Refused("timeout", "waited too long")).InvokeAsync;

        Refusal Refused(string why, string reason) => Refusal.Of(scope, time, reach.Kind, why, "maxConcurrent",
            $"As many requests are in progress here as may be; try again in {Refusal.RetryAfter} s.", $"maxConcurrent of the {reach.Kind}: {reason}");
    }

    private sealed class Door(RequestDelegate next, Admission admission, Bounds bounds, Histogram waits, Refusal full, Refusal timedOut)
    {
        public Task InvokeAsync(HttpContext context)
        {
            var exchange = Exchange.Of(context);
            if (admission.TryEnter(bounds))
            {
                exchange.Hold(admission, "");
                return next(context);
            }
            return bounds.Queue == 0 ? full.AnswerAsync(context, exchange) : WaitAsync(context, exchange);
        }

        private async Task WaitAsync(HttpContext context, Exchange exchange)
        {
            switch (await admission.WaitAsync(waits, exchange.ClientGone(context)))
            {
                case Waited.Admitted:
                    exchange.Hold(admission, "");
                    await next(context);
                    break;
                case Waited.ClientGone:
                    await Answer.FailAsync(context, Failure.ClientGone, reason: "left while it waited for maxConcurrent");
                    break;
                case Waited.TimedOut:
                    await timedOut.AnswerAsync(context, exchange);
                    break;
                default:
                    await full.AnswerAsync(context, exchange);
                    break;
            }
        }
    }
}
