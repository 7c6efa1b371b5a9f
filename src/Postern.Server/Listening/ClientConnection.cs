using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Postern.Server.Listening;

/// <summary>
/// A client's connection as the listener sees it: who it is, whether a request of it is in flight, and how it is asked to
/// end. A feature of the connection.
/// </summary>
internal sealed class ClientConnection
{
    /// <summary>Resets of HTTP/2 streams that a client may have to its credit, as a multiple of the streams it may open.</summary>
    private const int ResetBurst = 2;

    private readonly Listener listener;
    private readonly ConnectionContext transport;
    private int inFlight;
    private volatile bool wasIdle;
    private bool hadBody;
    private double resets;
    private long lastReset;

    public ClientConnection(Listener listener, ConnectionContext transport)
    {
        (this.listener, this.transport) = (listener, transport);
        if (transport.RemoteEndPoint is IPEndPoint { Address.IsIPv4MappedToIPv6: true } peer)
        {
            // A socket for both families writes IPv4 in IPv6's way; whoever compares addresses shouldn't have to know.
            transport.RemoteEndPoint = new IPEndPoint(peer.Address.MapToIPv4(), peer.Port);
        }
        Peer = (transport.RemoteEndPoint as IPEndPoint)?.Address;
    }

    public IPAddress? Peer { get; }

    public bool IsHttp2 { get; set; }

    /// <summary>Cancelled when the connection has ended; none for HTTP/2, whose streams end without it.</summary>
    public CancellationToken ClosedForItsOnlyRequest => IsHttp2 ? CancellationToken.None : transport.ConnectionClosed;

    /// <summary>A request begins.</summary>
    public void Begin(RequestContext request)
    {
        Interlocked.Increment(ref inFlight);
        wasIdle = false;
        if (IsHttp2)
        {
            LetStreamsRest(request.Features);
        }
        // Asked when the answer begins, because then it is certain whether it says that the connection closes: a client
        // that has read nothing of the kind may send its next request at any moment.
        request.Http.Response.OnStarting(AnswerBegins, request);
    }

    /// <summary>A request has ended, its answer written.</summary>
    public void End(RequestContext request)
    {
        if (IsHttp2 && request.Features.Get<IHttpRequestLifetimeFeature>()!.RequestAborted.IsCancellationRequested)
        {
            CountReset();
        }
        hadBody |= !IsHttp2 && request.Features is IHttpRequestBodyDetectionFeature { CanHaveBody: true };
        Interlocked.Decrement(ref inFlight);
    }

    /// <summary>
    /// Whether what looks like a request is the rest of an earlier one's body. Kestrel reads a body to its end before it looks
    /// for the next request, but not where the client has left: then it takes for a request what was written as a body.
    /// </summary>
    public bool IsLeftover(IFeatureCollection features) =>
        hadBody && features.Get<IHttpRequestLifetimeFeature>()!.RequestAborted.IsCancellationRequested;

    /// <summary>
    /// Ends the connection if it has had no request since it was last looked at; a request in flight, and the moment after
    /// it, are no reason to end anything. HTTP/2 can be told at any time: GOAWAY lets open streams end.
    /// </summary>
    public void CloseIfIdle()
    {
        var busy = Volatile.Read(ref inFlight) > 0;
        if (busy ? IsHttp2 : wasIdle)
        {
            RequestClose();
        }
        wasIdle = !busy;
    }

    /// <summary>
    /// Asks the connection to end: HTTP/1.1 says <c>Connection: close</c> in an answer that has not begun, HTTP/2 sends
    /// GOAWAY; what is in flight ends first. An idle connection closes.
    /// </summary>
    private void RequestClose() => transport.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();

    private static readonly Func<object, Task> AnswerBegins = static state =>
    {
        var request = (RequestContext)state;
        var connection = request.Connection;
        // A tunnel ends when one of its sides ends it.
        if (connection.listener.WindingDown && request.Http.Response.StatusCode != StatusCodes.Status101SwitchingProtocols)
        {
            connection.RequestClose();
        }
        return Task.CompletedTask;
    };

    /// <summary>
    /// A gRPC stream may be silent for as long as both sides like, so it has no minimum rate: Kestrel would end the whole
    /// connection with it.
    /// </summary>
    private static void LetStreamsRest(IFeatureCollection features)
    {
        var headers = features.Get<IHttpRequestFeature>()!.Headers;
        var streams = features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true }
            || (headers.ContentType.Count == 1 && headers.ContentType[0]!.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase));
        if (streams && features.Get<Microsoft.AspNetCore.Server.Kestrel.Core.Features.IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }

    /// <summary>
    /// Opening a stream and resetting it costs a client nothing and the gateway a request (CVE-2023-44487). Kestrel ends a
    /// connection on which too many of them pile up; this ends one on which they merely follow each other too fast.
    /// </summary>
    private void CountReset()
    {
        var streams = listener.Options.Limits.Streams;
        lock (transport)
        {
            var now = listener.Time.GetTimestamp();
            var forgiven = lastReset == 0 ? 0 : listener.Time.GetElapsedTime(lastReset, now).TotalSeconds * streams;
            (resets, lastReset) = (Math.Max(0, resets - forgiven) + 1, now);
            if (resets <= ResetBurst * streams)
            {
                return;
            }
        }
        transport.Abort(new ConnectionAbortedException("Too many streams were opened and reset."));
    }
}
