using System.Diagnostics;
using System.Diagnostics.Metrics;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Upstreams.Observing;

/// <summary>
/// Measures each call, from the route's asking to the head of the answer. Outermost in the upstream chain, so that it sees
/// what the route saw: waiting, trying again and failing included.
/// </summary>
internal sealed class ObservingHandler : DelegatingHandler
{
    // http.client.request.duration, as OpenTelemetry's semantic conventions for HTTP clients name it.
    private static readonly Histogram<double> Duration =
        Instruments.Meter.CreateHistogram("http.client.request.duration", "s", "Duration of calls to upstreams.", tags: null, Instruments.Durations);

    private readonly string upstream;
    private readonly Histogram durations;
    private readonly Counter[] byClass;
    private readonly Counter failed;

    private ObservingHandler(string upstream, MetricRegistry metrics, HttpMessageHandler next) : base(next)
    {
        this.upstream = upstream;
        durations = metrics.Histogram("postern_upstream_call_duration_seconds", "Time from a call to the head of its answer.", ("upstream", upstream));
        byClass = [.. Enumerable.Range(1, 5).Select(c => Count(metrics, $"{c}xx"))];
        failed = Count(metrics, "failed");
    }

    /// <summary>Compiled into every upstream's chain.</summary>
    public sealed class Feature : IUpstreamHandler
    {
        public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
        {
            DestinationGauges.Keep(scope);
            return new ObservingHandler(scope.Upstream.Name, MetricRegistry.Of(scope.State), next);
        }
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var activity = Instruments.Activities.HasListeners() ? Begin(request) : null;
        try
        {
            var response = await base.SendAsync(request, cancellationToken);
            var status = (int)response.StatusCode;
            byClass[Math.Clamp(status / 100, 1, 5) - 1].Add();
            End(started, request, activity, status, null);
            return response;
        }
        catch (Exception e)
        {
            failed.Add();
            End(started, request, activity, 0, e);
            throw;
        }
    }

    private Counter Count(MetricRegistry metrics, string outcome) =>
        metrics.Counter("postern_upstream_calls_total", "Calls to upstreams by the class of their answer's status.", ("upstream", upstream), ("outcome", outcome));

    private Activity? Begin(HttpRequestMessage request)
    {
        var activity = Instruments.Activities.StartActivity(request.Method.Method, ActivityKind.Client);
        activity?.SetTag("http.request.method", request.Method.Method);
        activity?.SetTag("postern.upstream", upstream);
        if (activity is not null)
        {
            var call = (UpstreamCall)request;
            call.Fields.Remove("traceparent");
            call.Fields.Add("traceparent", activity.Id!);
        }
        return activity;
    }

    private void End(long started, HttpRequestMessage request, Activity? activity, int status, Exception? error)
    {
        var ticks = Stopwatch.GetTimestamp() - started;
        durations.Record(ticks);
        if (activity is null && !Duration.Enabled)
        {
            return;
        }
        var destination = ((UpstreamCall)request).Destination;
        var errorType = error switch
        {
            null => status >= 400 ? status.ToString(System.Globalization.CultureInfo.InvariantCulture) : null,
            UpstreamException e => FailureTable.Of(e.Failure).Code,
            _ => error.GetType().Name,
        };
        if (Duration.Enabled)
        {
            var tags = new TagList { { "http.request.method", request.Method.Method }, { "postern.upstream", upstream }, { "server.address", destination?.Host }, { "server.port", destination?.Port } };
            if (status > 0)
            {
                tags.Add("http.response.status_code", status);
            }
            if (errorType is not null)
            {
                tags.Add("error.type", errorType);
            }
            Duration.Record(ticks / (double)Stopwatch.Frequency, tags);
        }
        if (activity is not null)
        {
            activity.SetTag("server.address", destination?.Host);
            activity.SetTag("server.port", destination?.Port);
            activity.SetTag("http.response.status_code", status > 0 ? status : null);
            activity.SetTag("error.type", errorType);
            activity.SetStatus(errorType is null ? ActivityStatusCode.Unset : ActivityStatusCode.Error);
            activity.Dispose();
        }
    }
}
