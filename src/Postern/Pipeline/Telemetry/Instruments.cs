using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Postern.Pipeline.Telemetry;

/// <summary>
/// The gateway's face towards OpenTelemetry and every other listener of the platform: one meter and one activity source,
/// both called <c>Postern</c>. Who records asks <c>Enabled</c> or <c>HasListeners</c> first: without a listener it costs nothing.
/// </summary>
internal static class Instruments
{
    public const string Name = "Postern";

    public static readonly Meter Meter = new(Name);

    public static readonly ActivitySource Activities = new(Name);

    /// <summary>The buckets that OpenTelemetry advises for HTTP durations.</summary>
    public static readonly InstrumentAdvice<double> Durations = new() { HistogramBucketBoundaries = Histogram.Seconds };

    public static readonly Histogram<double> ServerDuration =
        Meter.CreateHistogram("http.server.request.duration", "s", "Duration of client requests.", tags: null, Durations);

    public static readonly UpDownCounter<long> ServerActive =
        Meter.CreateUpDownCounter<long>("http.server.active_requests", "{request}", "Client requests being answered.");

    public static readonly Counter<long> AccessLogDropped =
        Meter.CreateCounter<long>("postern.access_log.dropped", "{line}", "Access log lines that were not written.");

    public static readonly Counter<long> UnderscoreHeadersDropped =
        Meter.CreateCounter<long>("postern.request.underscore_headers_dropped", "{field}", "Request header fields dropped because their name has an underscore.");
}
