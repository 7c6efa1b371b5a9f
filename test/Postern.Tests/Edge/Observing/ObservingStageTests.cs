using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Edge.Observing;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Tests.Edge.Observing;

public sealed class ObservingStageTests
{
    private const string Id = "12345678901234567890123456789012";
    private const string TraceParent = $"00-{Id}-1234567890123456-01";

    private readonly OneRoute route = new();
    private readonly MemorySink sink = new();

    public ObservingStageTests() =>
        route.State.Keep("accessLog", "Json 8192 stdout", () => new AccessLog(64, sink, MetricRegistry.Of(route.State), TimeProvider.System));

    [Fact]
    public async Task Ids_are_made_and_the_request_id_is_returned()
    {
        var (context, exchange) = await Send();
        Assert.Matches("^[0-9a-f]{32}$", exchange.TraceId);
        Assert.StartsWith($"00-{exchange.TraceId}-", exchange.TraceParent);
        Assert.Null(exchange.TraceState);
        Assert.Matches("^[0-9a-f]{32}$", exchange.RequestId);
        Assert.Equal(exchange.RequestId, context.Response.Headers["X-Request-Id"]);
    }

    [Fact]
    public async Task Ids_that_came_are_kept()
    {
        var (context, exchange) = await Send(("traceparent", [TraceParent]), ("tracestate", ["a=1", "b=2"]), ("x-request-id", ["order-7"]));
        Assert.Equal(Id, exchange.TraceId);
        Assert.Matches($"^00-{Id}-[0-9a-f]{{16}}-01$", exchange.TraceParent);
        Assert.Equal("a=1,b=2", exchange.TraceState);
        Assert.Equal("order-7", exchange.RequestId);
        Assert.Equal("order-7", context.Response.Headers["X-Request-Id"]);
    }

    [Fact]
    public async Task Two_requests_of_one_trace_have_two_request_ids()
    {
        var (_, first) = await Send(("traceparent", [TraceParent]));
        var (_, second) = await Send(("traceparent", [TraceParent]));
        Assert.Equal(first.TraceId, second.TraceId);
        Assert.NotEqual(first.RequestId, second.RequestId);
        Assert.NotEqual(first.TraceId, first.RequestId);
    }

    [Fact]
    public async Task Forwarded_fields_are_believed_from_trusted_proxies_only()
    {
        var claims = new (string, string[])[]
        {
            ("Host", ["api.example"]), ("X-Forwarded-For", ["6.6.6.6, 198.51.100.1"]), ("X-Forwarded-Proto", ["https"]), ("X-Forwarded-Host", ["www.example"]),
        };
        var (_, exchange) = await Send(claims);
        Assert.Equal(("10.1.2.3", "10.1.2.3", "http", "api.example"), Forwarded(exchange));

        route.Config.Root.Set<GatewayOptions>(o => o with { TrustedProxies = ["10.0.0.0/8"] });
        (_, exchange) = await Send(claims);
        Assert.Equal(("198.51.100.1", "6.6.6.6, 198.51.100.1, 10.1.2.3", "https", "www.example"), Forwarded(exchange));

        static (string, string, string, string) Forwarded(Exchange e) => (e.ClientAddress, e.ForwardedFor, e.ForwardedProto, e.ForwardedHost);
    }

    [Fact]
    public async Task One_line_is_logged_without_the_query()
    {
        await Run(context =>
        {
            var exchange = Exchange.Of(context);
            exchange.Query = "?token=secret";
            (exchange.Upstream, exchange.Destination, exchange.BytesSent) = ("things", "127.0.0.1:5001", 170);
            context.Response.StatusCode = 203;
            return Task.CompletedTask;
        });
        var line = await Line();
        Assert.Equal("web", line.GetProperty("gate").GetString());
        Assert.Equal("GET /things/{id}", line.GetProperty("route").GetString());
        Assert.Equal("GET", line.GetProperty("method").GetString());
        Assert.Equal("/web/things/7", line.GetProperty("path").GetString());
        Assert.Equal(203, line.GetProperty("status").GetInt32());
        Assert.Equal(170, line.GetProperty("bytes").GetInt32());
        Assert.Equal("things", line.GetProperty("upstream").GetString());
        Assert.Equal("127.0.0.1:5001", line.GetProperty("destination").GetString());
        Assert.Equal("10.1.2.3", line.GetProperty("client").GetString());
        Assert.InRange(line.GetProperty("duration").GetDouble(), 0, 10_000);
        Assert.False(line.TryGetProperty("failure", out _));
        Assert.DoesNotContain("secret", sink.Text);
    }

    [Fact]
    public async Task An_unhandled_exception_is_an_internal_error_that_only_logs_explain()
    {
        var logger = new Logs();
        route.Logger = logger;
        var context = OneRoute.Request();
        await Run(_ => throw new InvalidOperationException("password=hunter2"), context);
        Assert.Equal(500, context.Response.StatusCode);
        Assert.Equal("internal", JsonDocument.Parse(OneRoute.Body(context)).RootElement.GetProperty("code").GetString());
        Assert.DoesNotContain("hunter2", OneRoute.Body(context));
        Assert.DoesNotContain("InvalidOperation", OneRoute.Body(context));
        var line = await Line();
        Assert.Equal("internal", line.GetProperty("failure").GetString());
        Assert.Equal("InvalidOperationException: password=hunter2", line.GetProperty("reason").GetString());
        Assert.IsType<InvalidOperationException>(Assert.Single(logger.Written));
    }

    public static TheoryData<Exception, int, string> Thrown() => new()
    {
        { new UpstreamException(Failure.UpstreamTimeout, "10.0.0.1 was slow"), 504, "upstream-timeout" },
        { new BadHttpRequestException("too large", 413), 413, "body-too-large" },
        { new BadHttpRequestException("too slow", 408), 408, "body-too-slow" },
        { new BadHttpRequestException("bad chunk", 400), 400, "bad-request" },
        { new OperationCanceledException(), 500, "internal" },
    };

    [Theory]
    [MemberData(nameof(Thrown))]
    public async Task What_says_what_it_is_is_answered_as_that(Exception e, int status, string code)
    {
        var context = OneRoute.Request();
        await Run(_ => throw e, context);
        Assert.Equal(status, context.Response.StatusCode);
        Assert.Equal(code, JsonDocument.Parse(OneRoute.Body(context)).RootElement.GetProperty("code").GetString());
        Assert.Equal(code, (await Line()).GetProperty("failure").GetString());
    }

    [Fact]
    public async Task A_client_that_left_is_no_error_of_ours()
    {
        var context = OneRoute.Request();
        context.RequestAborted = new CancellationToken(canceled: true);
        await Run(async _ =>
        {
            await Task.Yield();
            throw new OperationCanceledException();
        }, context);
        Assert.Equal("client-gone", (await Line()).GetProperty("failure").GetString());
        Assert.Equal(499, context.Response.StatusCode);
    }

    [Fact]
    public async Task Requests_are_counted_by_method_status_and_failure()
    {
        await Run(_ => Task.CompletedTask);
        await Run(_ => Task.CompletedTask);
        await Run(_ => Task.CompletedTask, OneRoute.Request("BREW"));
        await Run(context =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        await Run(context => Answer.FailAsync(context, Failure.UpstreamBusy));
        const string Route = "postern_gate=\"web\",http_route=\"/web/things/{id}\"";
        var text = Metrics();
        Assert.Contains($"http_server_request_duration_seconds_count{{http_request_method=\"GET\",http_response_status_code=\"200\",{Route}}} 2\n", text);
        Assert.Contains($"http_server_request_duration_seconds_count{{http_request_method=\"_OTHER\",http_response_status_code=\"200\",{Route}}} 1\n", text);
        Assert.Contains($"http_server_request_duration_seconds_count{{http_request_method=\"GET\",http_response_status_code=\"503\",{Route},error_type=\"503\"}} 1\n", text);
        Assert.Contains($"http_server_request_duration_seconds_count{{http_request_method=\"GET\",http_response_status_code=\"503\",{Route},error_type=\"upstream-busy\"}} 1\n", text);
        Assert.Contains("http_server_active_requests{postern_gate=\"web\"} 0\n", text);
    }

    [Fact]
    public async Task Requests_in_flight_are_counted_and_numbers_outlive_a_reload()
    {
        string? during = null;
        await Run(_ =>
        {
            during = Metrics();
            return Task.CompletedTask;
        });
        Assert.Contains("http_server_active_requests{postern_gate=\"web\"} 1\n", during);
        route.State.Start(TimeProvider.System, NullLogger.Instance);
        route.State.Commit();
        await Run(_ => Task.CompletedTask);
        Assert.Contains("http_route=\"/web/things/{id}\"} 2\n", Metrics());
    }

    [Fact]
    public async Task A_request_without_a_route_is_observed_too()
    {
        var none = new OneRoute("*", "", gate: "", prefix: null);
        none.Config.Root.Set<TelemetrySection>(t => t with { Telemetry = new TelemetryOptions { AccessLog = new AccessLogOptions { To = "off" } } });
        var context = OneRoute.Request();
        await none.Compile(new ObservingStage(), c => Answer.FailAsync(c, Failure.NotFound))(context);
        Assert.Equal(404, context.Response.StatusCode);
        var output = new ArrayBufferWriter<byte>();
        PrometheusText.Write(MetricRegistry.Of(none.State), output);
        Assert.Contains(
            "_count{http_request_method=\"GET\",http_response_status_code=\"404\",postern_gate=\"\",error_type=\"route-not-found\"} 1\n",
            Encoding.UTF8.GetString(output.WrittenSpan));
    }

    [Fact]
    public async Task A_listener_gets_durations_with_semantic_names()
    {
        var seen = new List<(string Name, double Value, Dictionary<string, object?> Tags)>();
        using var listener = new MeterListener { InstrumentPublished = (i, l) => Enable(i, l) };
        listener.SetMeasurementEventCallback<double>((i, v, tags, _) => Keep(i.Name, v, tags));
        listener.SetMeasurementEventCallback<long>((i, v, tags, _) => Keep(i.Name, v, tags));
        listener.Start();
        var listened = new OneRoute(gate: "listened");
        listened.Config.Root.Set<TelemetrySection>(t => t with { Telemetry = new TelemetryOptions { AccessLog = new AccessLogOptions { To = "off" } } });
        await listened.Compile(new ObservingStage(), _ => Task.CompletedTask)(OneRoute.Request());
        Assert.Equal([1, -1], seen.Where(s => s.Name == "http.server.active_requests").Select(s => s.Value));
        var (_, duration, found) = Assert.Single(seen, s => s.Name == "http.server.request.duration");
        Assert.InRange(duration, 0, 10);
        Assert.Equal(("GET", "/web/things/{id}", 200, "listened"), (found["http.request.method"], found["http.route"], found["http.response.status_code"], found["postern.gate"]));
        Assert.DoesNotContain("error.type", found.Keys);

        void Keep(string name, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var all = tags.ToArray().ToDictionary(t => t.Key, t => t.Value);
            lock (seen)
            {
                if (all.GetValueOrDefault("postern.gate") is "listened")
                {
                    seen.Add((name, value, all));
                }
            }
        }

        static void Enable(Instrument instrument, MeterListener listener)
        {
            if (instrument.Meter.Name == "Postern")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        }
    }

    [Fact]
    public async Task A_span_continues_the_callers_trace_and_its_id_is_sent_on()
    {
        Activity? ended = null;
        using var listener = new ActivityListener
        {
            ShouldListenTo = s => s.Name == "Postern",
            Sample = (ref ActivityCreationOptions<ActivityContext> o) => o.Parent.TraceId.ToHexString() == Id ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = a => ended = a,
        };
        ActivitySource.AddActivityListener(listener);
        var (_, exchange) = await Send(("traceparent", [TraceParent]), ("tracestate", ["a=1"]), ("User-Agent", ["curl"]));
        Assert.NotNull(ended);
        Assert.Equal("GET /web/things/{id}", ended.DisplayName);
        Assert.Equal(ActivityKind.Server, ended.Kind);
        Assert.Equal(Id, ended.TraceId.ToHexString());
        Assert.Equal("1234567890123456", ended.ParentSpanId.ToHexString());
        Assert.Equal(ended.Id, exchange.TraceParent);
        Assert.Equal("a=1", exchange.TraceState);
        var tags = ended.TagObjects.ToDictionary(t => t.Key, t => t.Value);
        Assert.Equal("/web/things/7", tags["url.path"]);
        Assert.Equal("10.1.2.3", tags["client.address"]);
        Assert.Equal("1.1", tags["network.protocol.version"]);
        Assert.Equal("curl", tags["user_agent.original"]);
        Assert.Equal(200, tags["http.response.status_code"]);
        Assert.Equal(ActivityStatusCode.Unset, ended.Status);
    }

    [Fact]
    public async Task A_span_of_the_host_is_the_parent_of_what_is_sent_on()
    {
        using var host = new Activity("host").SetIdFormat(ActivityIdFormat.W3C).Start();
        var (_, exchange) = await Send();
        Assert.Equal(host.Id, exchange.TraceParent);
        Assert.Equal(host.TraceId.ToHexString(), exchange.TraceId);
        (_, exchange) = await Send(("traceparent", [TraceParent]));
        Assert.Equal(Id, exchange.TraceId);
    }

    private async Task<(HttpContext Context, Exchange Exchange)> Send(params (string, string[])[] headers)
    {
        var context = OneRoute.Request(headers: headers);
        await Run(_ => Task.CompletedTask, context);
        return (context, Exchange.Of(context));
    }

    private Task Run(RequestDelegate next, HttpContext? context = null)
    {
        context ??= OneRoute.Request();
        context.Connection.RemoteIpAddress = IPAddress.Parse("::ffff:10.1.2.3");
        return route.Compile(new ObservingStage(), next)(context);
    }

    private async Task<JsonElement> Line()
    {
        await sink.Seen(1).WaitAsync(MemorySink.Patience);
        return Assert.Single(sink.Lines);
    }

    private string Metrics()
    {
        var output = new ArrayBufferWriter<byte>();
        PrometheusText.Write(MetricRegistry.Of(route.State), output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private sealed class Logs : ILogger
    {
        public List<Exception?> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Written.Add(exception);
    }
}
