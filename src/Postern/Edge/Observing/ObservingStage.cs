using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Wire;

namespace Postern.Edge.Observing;

/// <summary>
/// Finds out who asks and under which ids, lets the request pass, and tells of it: one line in the access log, metrics,
/// and a span where someone listens. Answers what nobody else caught. The outermost stage, so that whatever happens to
/// a request, here it is seen.
/// </summary>
internal sealed class ObservingStage(TimeProvider time) : IStage
{
    public ObservingStage() : this(TimeProvider.System)
    {
    }

    /// <inheritdoc/>
    public RequestDelegate Compile(RouteScope scope, RequestDelegate next)
    {
        var trusted = scope.Config.Root.Written<GatewayOptions>().TrustedProxies ?? [];
        var proxies = scope.State.Keep("trustedProxies", string.Join(' ', trusted), () => TrustedProxies.Compile(trusted));
        var options = scope.Config.Root.Written<TelemetrySection>().Telemetry?.AccessLog ?? new AccessLogOptions();
        // What no route answers is compiled as a route without a template.
        var route = (scope.Gate.Own.Match.Path ?? "").TrimEnd('/') + scope.Route.Template;
        var metrics = new RouteMetrics(MetricRegistry.Of(scope.State), scope.Gate.Name, route);
        scope.Note("observe", $"access log {options.To}");
        return new Observed(next, route, proxies, metrics, AccessLog.Of(scope.State, options, time), scope.Logger, time).InvokeAsync;
    }
}

/// <summary>One route's observing, request by request.</summary>
internal sealed partial class Observed(
    RequestDelegate next, string route, TrustedProxies proxies, RouteMetrics metrics, AccessLog? log, ILogger logger, TimeProvider time)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);
        var request = context.Request;
        if (exchange.Started == 0)
        {
            exchange.Started = time.GetTimestamp();
        }
        Identify(context, exchange);
        var (method, scheme) = (request.Method, request.Scheme);
        var activity = Instruments.Activities.HasListeners() ? StartSpan(context, exchange) : null;
        var told = metrics.Begin(method, scheme);
        try
        {
            await next(context);
        }
        catch (Exception e)
        {
            await AnswerAsync(context, exchange, e);
        }
        finally
        {
            exchange.Release();
        }
        var status = context.Response.StatusCode;
        var ticks = time.GetTimestamp() - exchange.Started;
        metrics.End(method, scheme, status, exchange.Failure, ticks, told);
        log?.Write(new AccessLogEntry
        {
            Started = exchange.Started,
            Duration = ticks,
            BytesSent = exchange.BytesSent,
            Status = status,
            Failure = exchange.Failure,
            Gate = exchange.Gate,
            Route = exchange.Route,
            Method = method,
            Path = exchange.Path,
            TraceId = exchange.TraceId,
            RequestId = exchange.RequestId,
            Client = exchange.ClientAddress,
            Upstream = exchange.Upstream,
            Destination = exchange.Destination,
            Attempts = exchange.Attempts,
            Fallback = exchange.Fallback,
            FailedSources = exchange.FailedSources,
            Reason = exchange.FailureReason,
            Identity = exchange.Consumer?.Way,
            Consumer = exchange.Consumer?.Id,
            Tier = exchange.Tier,
            Limit = exchange.Limit,
            LimitedAlone = exchange.LimitedAlone,
            PastBudget = exchange.PastBudget,
        });
        if (activity is not null)
        {
            EndSpan(activity, status, exchange.Failure);
        }
    }

    private void Identify(HttpContext context, Exchange exchange)
    {
        var request = context.Request;
        var headers = request.Headers;
        var peer = exchange.Peer ?? context.Features.Get<IHttpConnectionFeature>()?.RemoteIpAddress;
        exchange.PeerIsTrusted = proxies.Trusts(peer);
        if (exchange.PeerIsTrusted)
        {
            var forwardedFor = headers["X-Forwarded-For"];
            exchange.ClientAddress = proxies.ClientAddress(peer, forwardedFor);
            (exchange.ForwardedFor, exchange.ForwardedProto, exchange.ForwardedHost) =
                proxies.Forward(peer, request.Scheme, headers.Host.ToString(), forwardedFor, headers["X-Forwarded-Proto"], headers["X-Forwarded-Host"]);
        }
        else
        {
            exchange.ClientAddress = exchange.ForwardedFor = TrustedProxies.Text(peer);
            exchange.ForwardedProto = request.Scheme;
            exchange.ForwardedHost = headers.Host.ToString();
        }
        var trace = TraceContext.Continue(headers.TraceParent, headers.TraceState);
        (exchange.TraceId, exchange.TraceParent, exchange.TraceState) = (trace.TraceId, trace.TraceParent, trace.TraceState);
        // A trace that begins here is this request's alone, so one id does for both.
        var made = trace.IsContinued ? null : trace.TraceId;
        // In another host's pipeline that host may have a span for this request: it is the parent of what is sent on.
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } host && (!trace.IsContinued || host.TraceId.ToHexString() == trace.TraceId))
        {
            (exchange.TraceId, exchange.TraceParent) = (host.TraceId.ToHexString(), host.Id!);
        }
        exchange.RequestId = RequestId.Of(headers[RequestId.Name], made);
        context.Response.Headers[RequestId.Name] = exchange.RequestId;
    }

    private Activity? StartSpan(HttpContext context, Exchange exchange)
    {
        var request = context.Request;
        var method = RouteMetrics.Name(request.Method);
        var parent = Parent(request.Headers, exchange);
        var activity = Instruments.Activities.StartActivity(route.Length > 0 ? $"{method} {route}" : method, ActivityKind.Server, parent);
        if (activity is null)
        {
            return null;
        }
        (exchange.TraceId, exchange.TraceParent) = (activity.TraceId.ToHexString(), activity.Id!);
        if (activity.IsAllDataRequested)
        {
            activity.SetTag("http.request.method", method);
            if (method != request.Method)
            {
                activity.SetTag("http.request.method_original", request.Method);
            }
            activity.SetTag("http.route", route.Length > 0 ? route : null);
            activity.SetTag("postern.gate", exchange.Gate);
            activity.SetTag("url.scheme", exchange.ForwardedProto);
            activity.SetTag("url.path", exchange.Path);
            activity.SetTag("server.address", request.Host.Host);
            activity.SetTag("server.port", request.Host.Port);
            activity.SetTag("client.address", exchange.ClientAddress);
            activity.SetTag("network.protocol.version", request.Protocol.Replace("HTTP/", ""));
            activity.SetTag("user_agent.original", request.Headers.UserAgent.Count > 0 ? request.Headers.UserAgent.ToString() : null);
        }
        return activity;
    }

    /// <summary>The caller's span, or the host's; none where the trace begins here.</summary>
    private static ActivityContext Parent(IHeaderDictionary headers, Exchange exchange)
    {
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } host && host.Id == exchange.TraceParent)
        {
            return host.Context;
        }
        var trace = TraceContext.Continue(headers.TraceParent, headers.TraceState);
        return trace.IsContinued
            ? new ActivityContext(
                ActivityTraceId.CreateFromString(trace.TraceId), ActivitySpanId.CreateFromString(trace.ParentId),
                trace.IsSampled ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None, trace.TraceState, isRemote: true)
            : default;
    }

    private static void EndSpan(Activity activity, int status, Failure failure)
    {
        activity.SetTag("http.response.status_code", status);
        if (RouteMetrics.ErrorType(status, failure) is { } error)
        {
            activity.SetTag("error.type", error);
        }
        if (status >= 500 || failure == Failure.UpstreamBroken)
        {
            activity.SetStatus(ActivityStatusCode.Error);
        }
        activity.Dispose();
    }

    /// <summary>Answers for whoever threw: as what it is, if it says so; else as a fault of the gateway, with the reason in the log only.</summary>
    private async Task AnswerAsync(HttpContext context, Exchange exchange, Exception e)
    {
        var failure = e switch
        {
            _ when context.RequestAborted.IsCancellationRequested => Failure.ClientGone,
            UpstreamException upstream => upstream.Failure,
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => Failure.BodyTooLarge,
            BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } => Failure.BodyTooSlow,
            BadHttpRequestException => Failure.BadRequest,
            _ => Failure.Internal,
        };
        if (failure == Failure.Internal)
        {
            LogUnhandled(logger, exchange.Gate, exchange.Route, exchange.TraceId, e);
        }
        try
        {
            await Answer.FailAsync(context, failure, reason: $"{e.GetType().Name}: {e.Message}");
        }
        catch (Exception) // The client left while it was being told, or the server can't tell it: the connection says it.
        {
            context.Abort();
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Unhandled exception in gate {Gate}, route {Route}, trace {TraceId}")]
    private static partial void LogUnhandled(ILogger logger, string gate, string route, string traceId, Exception exception);
}
