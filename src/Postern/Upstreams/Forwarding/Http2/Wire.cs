using System.Net;
using System.Text;
using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding.Http2;

/// <summary>
/// HTTP/2 to one destination, with prior knowledge, over the platform's client, stripped of all that is not transport: no
/// redirects, cookies, decompression, proxy or trace headers; targets and fields stay the bytes they were.
/// </summary>
internal sealed class Wire(Uri address, string name, DestinationSettings settings) : IWire
{
    private static readonly UriCreationOptions AsIs = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private readonly string origin = $"http://{address.Authority}";
    private readonly Lock gate = new();
    private HttpMessageInvoker? client;
    private int users;
    private bool retired;
    private long closedAt = long.MinValue;

    public async Task<HttpResponseMessage> SendAsync(UpstreamCall call, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        var content = call.Body is null || call.BodyLength == 0 ? null : new PipeContent(call);
        var request = Compose(call, content);
        HttpResponseMessage? response = null;
        var sender = Enter();
        try
        {
            response = await sender.SendAsync(request, cancel).ConfigureAwait(false);
            return new Reply(this, call, response, content, cancel);
        }
        catch (Exception e)
        {
            response?.Dispose();
            if (content is not null)
            {
                await content.StopAsync().ConfigureAwait(false);
            }
            Leave();
            throw Explain(e, content, cancel, Failure.UpstreamGone);
        }
    }

    public void Retire()
    {
        lock (gate)
        {
            retired = true;
            CloseIfUnused();
        }
    }

    /// <summary>A call's exchange has ended.</summary>
    public void Leave()
    {
        lock (gate)
        {
            users--;
            CloseIfUnused();
        }
    }

    /// <summary>The upstream closes one of the connections.</summary>
    public void Closes() => Volatile.Write(ref closedAt, Environment.TickCount64);

    /// <summary>Whether it has done so since, as <see cref="Environment.TickCount64"/> counts.</summary>
    public bool HasClosed(long since) => Volatile.Read(ref closedAt) >= since;

    /// <summary>What a failure of the platform's client means: the client's own, a cancel, or one of the table.</summary>
    public static Exception Explain(Exception e, PipeContent? content, CancellationToken cancel, Failure otherwise)
    {
        if (content?.ClientError is { } own)
        {
            return own;
        }
        if (cancel.IsCancellationRequested)
        {
            return new OperationCanceledException("The call was cancelled.", e, cancel);
        }
        return e switch
        {
            UpstreamException => e,
            HttpRequestException { InnerException: UpstreamException inner } => inner,
            HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError }
                => new UpstreamException(Failure.UpstreamUnreachable, e.Message, e),
            _ when IsRefused(e) => new UpstreamException(Failure.UpstreamUnreachable, "the upstream refused the request unseen", e),
            OperationCanceledException => new UpstreamException(Failure.UpstreamUnreachable, "no connection within the upstream's connectTimeout", e),
            _ => new UpstreamException(IsProtocol(e) && otherwise == Failure.UpstreamGone ? Failure.UpstreamProtocol : otherwise, e.Message, e),
        };
    }

    // RFC 9113 §8.7: the upstream has not looked at the request, so it may be sent again whatever its method.
    private static bool IsRefused(Exception e) =>
        e is HttpProtocolException { ErrorCode: 0x7 } || (e.InnerException is { } inner && IsRefused(inner));

    // RFC 9113 §7: the codes by which one side says that the other's frames were wrong.
    private static bool IsProtocol(Exception e) => e switch
    {
        HttpProtocolException protocol => protocol.ErrorCode is 0x1 or 0x3 or 0x4 or 0x5 or 0x6 or 0x9,
        HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded or HttpRequestError.VersionNegotiationError } => true,
        { InnerException: { } inner } => IsProtocol(inner),
        _ => false,
    };

    private HttpMessageInvoker Enter()
    {
        lock (gate)
        {
            users++;
            return client ??= Open();
        }
    }

    private void CloseIfUnused()
    {
        if (retired && users == 0)
        {
            client?.Dispose();
            client = null;
        }
    }

    private HttpMessageInvoker Open() => new(new SocketsHttpHandler
    {
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = settings.ConnectTimeout,
        EnableMultipleHttp2Connections = true,
        KeepAlivePingDelay = TimeSpan.FromSeconds(30),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        MaxConnectionsPerServer = settings.MaxConnections,
        PlaintextStreamFilter = (connection, _) => ValueTask.FromResult<Stream>(new WatchedStream(connection.PlaintextStream, this)),
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
        RequestHeaderEncodingSelector = static (name, request) => ((Sending)request).Writes(name),
        ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        UseCookies = false,
        UseProxy = false,
    });

    private HttpRequestMessage Compose(UpstreamCall call, PipeContent? content)
    {
        FieldRules.RequireLine(call);
        var request = new Sending(call, content, this, new Uri(origin + call.Target, AsIs))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        request.Headers.Host = call.Host ?? name;
        if (call.ExpectContinue && content is not null)
        {
            request.Headers.ExpectContinue = true;
        }
        foreach (ref readonly var field in call.Fields.Fields)
        {
            // RFC 9113 §8.2.2: of the fields about the connection only TE may be sent, and only to say this.
            if (FieldRules.IsOfTheConnection(field.Name) && !FieldRules.TakesTrailers(field.Name, field.Value))
            {
                continue;
            }
            FieldRules.Require(field.Name, field.Value);
            if (!request.Headers.TryAddWithoutValidation(field.Name, field.Value))
            {
                request.Content ??= new ByteArrayContent([]);
                request.Content.Headers.TryAddWithoutValidation(field.Name, field.Value);
            }
        }
        return request;
    }
}
