using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Postern.Wire;

namespace Postern.Pipeline;

/// <summary>
/// What the gateway knows of one client request on its way: found out once, used by every stage, read by the access log.
/// A request feature of the <see cref="HttpContext"/>; the server keeps the object for the connection's next request.
/// </summary>
public sealed class Exchange
{
    private (IPermits Permits, string Key)[] holding = [];
    private int held;

    /// <summary>When the request came, in ticks of <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long Started { get; set; }

    /// <summary>The path as received, without query: what was matched is what is sent.</summary>
    public string Path { get; set; } = "";

    /// <summary>The query as received with its <c>?</c>, or empty.</summary>
    public string Query { get; set; } = "";

    /// <summary>Paths that the listener lets through although they are ambiguous.</summary>
    internal PathFaults Allowed { get; set; }

    /// <summary>The gate that answers, or empty.</summary>
    public string Gate { get; set; } = "";

    /// <summary>The route that answers, as <c>GET /products/{id}</c>, or empty.</summary>
    public string Route { get; set; } = "";

    /// <summary>Where each route parameter stands in <see cref="Path"/>, in the template's order.</summary>
    internal Range[] Parameters { get; } = new Range[RequestTarget.MaxParameters];

    /// <summary>The part of <see cref="Path"/> after the gate's prefix begins here.</summary>
    internal int PrefixLength { get; set; }

    /// <summary>The methods that the path has routes for, where none took this request; for <c>Allow</c>.</summary>
    internal string? Allow { get; set; }

    /// <summary>The peer's address, where the server has told it; it is the same for all requests of a connection.</summary>
    internal System.Net.IPAddress? Peer { get; set; }

    /// <summary>Whether the server reads header fields as Latin-1, byte for byte; then what the guard has let through can be sent as it is.</summary>
    internal bool FieldsAreBytes { get; set; }

    /// <summary>The request's target as it came, where the server has told it; else the request's feature says it.</summary>
    internal string? RawTarget { get; set; }

    /// <summary>The client's address: the peer's, or the rightmost one in <c>X-Forwarded-For</c> that no trusted proxy has.</summary>
    public string ClientAddress { get; set; } = "";

    /// <summary>Whether the peer is a trusted proxy, whose word about the client counts.</summary>
    public bool PeerIsTrusted { get; set; }

    /// <summary><c>X-Forwarded-For</c> to send on.</summary>
    public string ForwardedFor { get; set; } = "";

    /// <summary><c>X-Forwarded-Proto</c> to send on.</summary>
    public string ForwardedProto { get; set; } = "";

    /// <summary><c>X-Forwarded-Host</c> to send on, or empty.</summary>
    public string ForwardedHost { get; set; } = "";

    /// <summary>Trace id, 32 hex digits.</summary>
    public string TraceId { get; set; } = "";

    /// <summary><c>traceparent</c> to send on.</summary>
    public string TraceParent { get; set; } = "";

    /// <summary><c>tracestate</c> to send on, or null.</summary>
    public string? TraceState { get; set; }

    /// <summary><c>X-Request-Id</c> to send on and to return.</summary>
    public string RequestId { get; set; } = "";

    /// <summary>Who is calling; null where nobody is known, or nobody has looked.</summary>
    public Consumer? Consumer { get; set; }

    /// <summary>The header field in which the consumer's credential stood, or null.</summary>
    internal string? CredentialField { get; set; }

    /// <summary>The query parameter in which the consumer's credential stood, or null.</summary>
    internal string? CredentialParameter { get; set; }

    /// <summary><c>WWW-Authenticate</c> for a caller that nobody knows, where the route lets such in; who refuses it after all says this.</summary>
    internal StringValues Challenge { get; set; }

    /// <summary>What upstreams are told of the consumer, by every call made for this request.</summary>
    internal (string Name, string Value)[] Told { get; set; } = [];

    /// <summary>The fields by which upstreams are told; a client's own are gone from the head, and never come as trailers.</summary>
    internal ReservedFields Reserved { get; set; } = ReservedFields.None;

    /// <summary>The limit that refused the request, or null.</summary>
    public string? Limit { get; set; }

    /// <summary>The tier whose limits held, or null.</summary>
    internal string? Tier { get; set; }

    /// <summary>Whether this instance decided the limits by itself although a store is there for them.</summary>
    internal bool LimitedAlone { get; set; }

    /// <summary>Why the gateway answered itself, or the body was cut.</summary>
    public Failure Failure { get; set; }

    /// <summary>For the log, never for the client: what exactly failed.</summary>
    public string? FailureReason { get; set; }

    /// <summary>Why a fallback answered instead of the upstream, in a word; null where none did.</summary>
    public string? Fallback { get; set; }

    /// <summary>Sources of a composed answer that failed, each with a word for why, as a JSON object; null where none did.</summary>
    internal string? FailedSources { get; set; }

    /// <summary>The upstream that was called, or null.</summary>
    public string? Upstream { get; set; }

    /// <summary>The destination that answered, <c>host:port</c>, or null.</summary>
    public string? Destination { get; set; }

    /// <summary>How many tries the call to the upstream took; 0 where there was none.</summary>
    internal int Attempts { get; set; }

    /// <summary>What of its route's budget the answer was past: <c>bytes</c>, <c>latency</c>, or both; null for nothing.</summary>
    internal string? PastBudget { get; set; }

    /// <summary>Bytes of body sent to the client.</summary>
    public long BytesSent { get; set; }

    /// <summary>Bytes of body received from the client.</summary>
    public long BytesReceived { get; set; }

    /// <summary>Fields that the gateway adds to the answer, whoever makes it; an upstream's of the same name give way.</summary>
    internal FieldList AnswerFields { get; } = new();

    /// <summary>Reused for the fields of the request's only call.</summary>
    internal FieldList CallFields { get; } = new();

    /// <summary>
    /// Cancelled when the client's connection has ended, where a connection carries one request at a time; else none, and the
    /// request's own token says so. The connection's costs nothing per request.
    /// </summary>
    internal CancellationToken ConnectionClosed { get; set; }

    /// <summary>Cancelled when the client is gone.</summary>
    internal CancellationToken ClientGone(HttpContext context) => ConnectionClosed.CanBeCanceled ? ConnectionClosed : context.RequestAborted;

    /// <summary>The client's address as what counts as one client; see <see cref="Wire.AddressKey"/>. No consumer's key looks like it.</summary>
    internal string AddressKey => Wire.AddressKey.Of(ClientAddress);

    /// <summary>Who is calling: the consumer, or the address where nobody is known.</summary>
    internal string CallerKey => Consumer?.Key ?? AddressKey;

    /// <summary>
    /// Keeps something for this request until it has ended, however it ends: with the last byte of its answer or its WebSocket,
    /// with an exception, with its client gone. Whoever observes the request gives it back.
    /// </summary>
    internal void Hold(IPermits permits, string key)
    {
        if (held == holding.Length)
        {
            Array.Resize(ref holding, held + 2);
        }
        holding[held++] = (permits, key);
    }

    /// <summary>Gives back all that is held; called once, when the request has ended.</summary>
    internal void Release()
    {
        while (held > 0)
        {
            var (permits, key) = holding[--held];
            holding[held] = default;
            permits.Return(key);
        }
    }

    /// <summary>The exchange of a request that the gateway handles.</summary>
    public static Exchange Of(HttpContext context) => context.Features.Get<Exchange>()!;

    /// <summary>Forgets the last request, not its connection.</summary>
    internal void Reset()
    {
        Path = Query = Gate = Route = ClientAddress = ForwardedFor = ForwardedProto = ForwardedHost = TraceId = TraceParent = RequestId = "";
        RawTarget = Allow = TraceState = FailureReason = Fallback = FailedSources = Upstream = Destination = Limit = Tier = PastBudget = CredentialField = CredentialParameter = null;
        Consumer = null;
        Challenge = default;
        Told = [];
        CallFields.Clear();
        AnswerFields.Clear();
        Failure = Failure.None;
        LimitedAlone = false;
        PrefixLength = Attempts = 0;
        Started = BytesSent = BytesReceived = 0;
    }
}
