using System.Buffers;
using System.Diagnostics;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Pipeline;

namespace Postern.Server.Listening;

/// <summary>
/// Answers what Kestrel refuses before there is a request (a bad request line, a head too large or too late) from the
/// failure table, where Kestrel itself would send an empty body, and reports it. Kestrel tells of each refusal before it
/// answers, and leaves alone an answer that has begun.
/// </summary>
internal sealed class Refusals(Action<HttpContext>? refused, TimeProvider time) : DiagnosticSource
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    public override bool IsEnabled(string name) => name == BadRequest;

    public override void Write(string name, object? value)
    {
        if (name == BadRequest && value is IFeatureCollection features
            && features.Get<IHttpResponseFeature>() is { HasStarted: false } response
            && features.Get<IBadRequestExceptionFeature>()?.Error is BadHttpRequestException error)
        {
            Answer(features, response, error);
        }
    }

    private void Answer(IFeatureCollection features, IHttpResponseFeature response, BadHttpRequestException error)
    {
        var row = FailureTable.Of(FailureOf(error.StatusCode));
        var context = new DefaultHttpContext(features);
        var exchange = new Exchange
        {
            Started = time.GetTimestamp(),
            PeerAddress = features.Get<ClientConnection>()?.PeerAddress ?? "",
            Path = features.Get<IHttpRequestFeature>()!.RawTarget ?? "",
            TraceId = ActivityTraceId.CreateRandom().ToHexString(),
            Failure = row.Failure,
            FailureReason = error.Message,
        };
        exchange.ClientAddress = exchange.PeerAddress;
        exchange.RequestId = exchange.TraceId;
        features.Set(exchange);

        // A stream of HTTP/2 has no pipe of its own here: its client gets the status alone.
        if (features.Get<ClientConnection>() is { IsHttp2: false }
            && features.Get<IConnectionTransportFeature>()?.Transport.Output is { } output)
        {
            var body = Pipeline.Answer.Problem(row, null, exchange.TraceId);
            // Kestrel has put the methods it would take here.
            var allow = response.Headers.Allow;
            response.Headers.Clear();
            response.StatusCode = row.Status;
            response.Headers.Allow = allow;
            response.Headers.ContentType = "application/problem+json";
            response.Headers.CacheControl = "no-store";
            response.Headers["X-Request-Id"] = exchange.RequestId;
            response.Headers.Connection = "close";
            response.Headers.ContentLength = body.WrittenCount;
            var head = features.Get<IHttpResponseBodyFeature>()!.StartAsync();
            Debug.Assert(head.IsCompletedSuccessfully);
            if (!HttpMethods.IsHead(context.Request.Method ?? ""))
            {
                // The response's own writer doesn't exist before the request does; the head has gone to this pipe, too.
                output.Write(body.WrittenSpan);
                exchange.BytesSent = body.WrittenCount;
            }
        }
        refused?.Invoke(context);
    }

    private static Failure FailureOf(int status) => status switch
    {
        StatusCodes.Status405MethodNotAllowed => Failure.MethodNotAllowed,
        StatusCodes.Status408RequestTimeout => Failure.HeadTimeout,
        StatusCodes.Status413PayloadTooLarge => Failure.BodyTooLarge,
        StatusCodes.Status414UriTooLong => Failure.TargetTooLong,
        StatusCodes.Status431RequestHeaderFieldsTooLarge => Failure.HeadTooLarge,
        StatusCodes.Status505HttpVersionNotsupported => Failure.HttpVersion,
        _ => Failure.BadRequest,
    };
}
