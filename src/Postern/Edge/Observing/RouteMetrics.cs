using System.Collections.Concurrent;
using System.Diagnostics;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Observing;

/// <summary>
/// The numbers of one route, found while it is compiled. Which histogram counts a request follows from its method and
/// status by index; only failures, which are rare, are looked up.
/// </summary>
internal sealed class RouteMetrics(MetricRegistry registry, string gate, string route)
{
    private const int Classes = 5;

    private static readonly string[] Methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "_OTHER"];

    private readonly Counter active = registry.Level("http_server_active_requests", "Client requests being answered.", ("postern_gate", gate));
    private readonly Histogram?[]?[] answered = new Histogram?[]?[Methods.Length * Classes];
    private readonly ConcurrentDictionary<(int Method, int Status, Failure Failure), Histogram> failed = [];

    /// <summary>The method as metrics and traces name it: what isn't known would make as many series as clients like.</summary>
    public static string Name(string method) => Methods[Index(method)];

    /// <summary>A request begins; true if it must be told to a listener when it ends.</summary>
    public bool Begin(string method, string scheme)
    {
        active.Add();
        if (!Instruments.ServerActive.Enabled)
        {
            return false;
        }
        Instruments.ServerActive.Add(1, Tags(method, scheme));
        return true;
    }

    /// <summary>A request ended.</summary>
    public void End(string method, string scheme, int status, Failure failure, long ticks, bool told)
    {
        active.Add(-1);
        var index = Index(method);
        Find(index, status, failure).Record(ticks);
        if (told)
        {
            Instruments.ServerActive.Add(-1, Tags(method, scheme));
        }
        if (Instruments.ServerDuration.Enabled)
        {
            Tell(method, scheme, status, failure, ticks);
        }
    }

    private TagList Tags(string method, string scheme) => new()
    {
        { "http.request.method", Name(method) }, { "url.scheme", scheme }, { "postern.gate", gate },
    };

    private void Tell(string method, string scheme, int status, Failure failure, long ticks)
    {
        var tags = Tags(method, scheme);
        tags.Add("http.response.status_code", status);
        if (route.Length > 0)
        {
            tags.Add("http.route", route);
        }
        if (ErrorType(status, failure) is { } error)
        {
            tags.Add("error.type", error);
        }
        Instruments.ServerDuration.Record((double)ticks / Stopwatch.Frequency, tags);
    }

    /// <summary>OpenTelemetry's <c>error.type</c>: the failure's code, or the status of an upstream's own 5xx; null for no error.</summary>
    public static string? ErrorType(int status, Failure failure) =>
        failure != Failure.None ? FailureTable.Of(failure).Code : status >= 500 ? status.ToString(System.Globalization.CultureInfo.InvariantCulture) : null;

    private Histogram Find(int method, int status, Failure failure)
    {
        if (failure != Failure.None || status is < 100 or >= 600)
        {
            return failed.TryGetValue((method, status, failure), out var found)
                ? found
                : failed.GetOrAdd((method, status, failure), key => Create(key.Method, key.Status, key.Failure));
        }
        var ofClass = answered[(method * Classes) + (status / 100) - 1] ??= new Histogram?[100];
        return ofClass[status % 100] ??= Create(method, status, Failure.None);
    }

    private Histogram Create(int method, int status, Failure failure)
    {
        List<(string, string)> labels = [("http_request_method", Methods[method]), ("http_response_status_code", $"{status}"), ("postern_gate", gate)];
        if (route.Length > 0)
        {
            labels.Add(("http_route", route));
        }
        if (ErrorType(status, failure) is { } error)
        {
            labels.Add(("error_type", error));
        }
        return registry.Histogram("http_server_request_duration_seconds", "Duration of client requests.", [.. labels]);
    }

    private static int Index(string method)
    {
        for (var i = 0; i < Methods.Length - 1; i++)
        {
            // The server hands out one and the same string for each method it knows.
            if ((object)method == Methods[i] || method == Methods[i])
            {
                return i;
            }
        }
        return Methods.Length - 1;
    }
}
