using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Upstreams.Bulkheads;

/// <summary>
/// Lets as many calls through as an upstream may have in progress, so that one that hangs holds no more of the gateway than
/// that. Those past it wait in line where there is one, or fail at once. Stands outside retrying, so that a call has one place
/// however often it is tried, and inside the deadline: it waits for no answer itself, so the deadline, which does, gives the
/// place back (<see cref="UpstreamCall.End"/>).
/// </summary>
internal sealed class BulkheadHandler : DelegatingHandler
{
    /// <summary>In seconds. Nobody knows when a call ends; who comes back at once only adds to what there is too much of.</summary>
    private const int RetryAfter = 1;

    private readonly Bulkhead bulkhead;
    private readonly Admission admission;
    private readonly Bounds bounds;
    private readonly Histogram waits;
    private readonly Counter full, timedOut;

    private BulkheadHandler(UpstreamScope scope, Bulkhead bulkhead, Bounds bounds, HttpMessageHandler next) : base(next)
    {
        (this.bulkhead, admission, this.bounds) = (bulkhead, bulkhead.Admission, bounds);
        var metrics = MetricRegistry.Of(scope.State);
        var name = ("upstream", scope.Upstream.Name);
        metrics.Gauge("postern_upstream_bulkhead_calls", "Calls in progress that the upstream's bulkhead counts.", () => admission.InProgress, name);
        metrics.Gauge("postern_upstream_bulkhead_limit", "How many calls that bulkhead lets in.", () => admission.Limit, name);
        metrics.Gauge("postern_upstream_bulkhead_queued", "Calls that wait until that bulkhead lets them in.", () => admission.Waiting, name);
        waits = metrics.Histogram("postern_upstream_bulkhead_queue_duration_seconds", "How long calls waited that had to, let in or not.", name);
        (full, timedOut) = (Refused("full"), Refused("timeout"));

        Counter Refused(string reason) => metrics.Counter("postern_upstream_bulkhead_refused_total", "Calls refused because as many were in progress as may be.", name, ("reason", reason));
    }

    /// <summary>The upstream's <c>maxConcurrent</c> compiled into its chain.</summary>
    public sealed class Feature(TimeProvider time) : IUpstreamHandler
    {
        public Feature() : this(TimeProvider.System) { }

        public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
        {
            if (scope.Options<BulkheadSection>().MaxConcurrent is not { Calls: { } calls } options)
            {
                return next;
            }
            var (name, patience) = (scope.Upstream.Name, options.QueueTimeout ?? TimeSpan.FromSeconds(1));
            var bulkhead = scope.State.Keep("bulkhead", name, () => new Bulkhead(name, new Admission(calls, options.Queue, patience, time), time));
            scope.Note("maxConcurrent", $"{calls} calls at once; {(options.Queue > 0 ? $"{options.Queue} more wait up to {Scalars.Format(patience)}; " : "")}503 past it");
            return new BulkheadHandler(scope, bulkhead, bulkhead.Admission.Plan(calls, options.Queue, patience), next);
        }
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var call = (UpstreamCall)request;
        if (admission.TryEnter(bounds))
        {
            call.Place = admission;
            bulkhead.LetIn();
            return base.SendAsync(request, cancellationToken);
        }
        return bounds.Queue == 0 ? Task.FromException<HttpResponseMessage>(Refuse(full, "all in use")) : WaitAsync(call, cancellationToken);
    }

    private async Task<HttpResponseMessage> WaitAsync(UpstreamCall call, CancellationToken cancel)
    {
        switch (await admission.WaitAsync(waits, cancel))
        {
            case Waited.Admitted:
                call.Place = admission;
                return await base.SendAsync(call, cancel);
            case Waited.ClientGone:
                throw new OperationCanceledException(cancel);
            case Waited.TimedOut:
                throw Refuse(timedOut, "waited too long");
            default:
                throw Refuse(full, "all in use, and so is the queue");
        }
    }

    private UpstreamException Refuse(Counter refused, string why)
    {
        refused.Add();
        bulkhead.Refused();
        return new UpstreamException(Failure.UpstreamFull, $"maxConcurrent of the upstream {bulkhead.Upstream}: {why}") { RetryAfter = RetryAfter };
    }
}
