using System.Buffers;
using System.Diagnostics;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Pipeline;

namespace Postern.Server.Listening;

/// <summary>
/// Sees that what Kestrel refuses before there is a request (a bad request line, a head too large or too late) gets the
/// gateway's own answer, log line and count, where Kestrel itself would send an empty body. Kestrel tells of each refusal
/// before it answers, and leaves alone an answer that has begun.
/// </summary>
internal sealed class Refusals(RequestDelegate refuse, TimeProvider time) : DiagnosticSource
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    public override bool IsEnabled(string name) => name == BadRequest;

    public override void Write(string name, object? value)
    {
        if (name == BadRequest && value is IFeatureCollection features
            && features.Get<IHttpResponseFeature>() is { HasStarted: false } response
            && features.Get<IBadRequestExceptionFeature>()?.Error is BadHttpRequestException error
            && features.Get<ClientConnection>()?.IsLeftover(features) is not true)
        {
            Answer(features, response, error);
        }
    }

    private void Answer(IFeatureCollection kestrel, IHttpResponseFeature response, BadHttpRequestException error)
    {
        var client = kestrel.Get<ClientConnection>();
        var exchange = new Exchange
        {
            Started = time.GetTimestamp(),
            Peer = client?.Peer,
            Path = kestrel.Get<IHttpRequestFeature>()!.RawTarget ?? "",
            Failure = FailureOf(error.StatusCode),
            // Without its log at a low level, Kestrel quotes nothing: "Invalid request line: ''".
            FailureReason = error.Message.Replace(": ''", "."),
            // Kestrel has put the methods it would take here.
            Allow = response.Headers.Allow,
        };
        // The response's own writer doesn't exist before the request does, so the body is caught here.
        using var body = new MemoryStream();
        var features = new FeatureCollection(kestrel);
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(body));
        features.Set(exchange);
        var answered = refuse(new DefaultHttpContext(features));
        Debug.Assert(answered.IsCompletedSuccessfully, "A refusal waits for nothing.");

        // A stream of HTTP/2 has no pipe of its own yet: its client gets the status alone, from Kestrel.
        if (answered.IsCompletedSuccessfully && client is { IsHttp2: false } && kestrel.Get<IConnectionTransportFeature>() is { } connection)
        {
            response.Headers.Connection = "close";
            var begun = kestrel.Get<IHttpResponseBodyFeature>()!.StartAsync();
            Debug.Assert(begun.IsCompletedSuccessfully, "The head goes into the connection's pipe, which has room for it.");
            connection.Transport.Output.Write(body.GetBuffer().AsSpan(0, (int)body.Length));
        }
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
