using System.IO.Pipelines;
using System.Text;
using Postern.Pipeline;
using Postern.Tests.Harness;
using Postern.Upstreams;
using Postern.Upstreams.Forwarding;

namespace Postern.Tests.Upstreams.Forwarding;

/// <summary>Calls one destination through the handler, as the rest of the chain would.</summary>
internal sealed class Caller : IDisposable
{
    public HttpMessageInvoker Chain { get; } = new(new ForwardingHandler());

    public Caller(string url, UpstreamProtocol protocol = UpstreamProtocol.Http1, int maxConnections = 100, TimeSpan? connectTimeout = null, TimeProvider? time = null) =>
        Destination = new Destination(url, new DestinationSettings(protocol, connectTimeout ?? TimeSpan.FromSeconds(5), maxConnections, time ?? TimeProvider.System));

    public Destination Destination { get; }

    public UpstreamCall Call(string method = "GET", string target = "/", string? body = null)
    {
        var call = new UpstreamCall { Method = new HttpMethod(method), Target = target, Destination = Destination };
        if (body is not null)
        {
            call.Body = PipeReader.Create(new MemoryStream(Encoding.Latin1.GetBytes(body)));
            call.BodyLength = body.Length;
        }
        return call;
    }

    public async Task<UpstreamReply> SendAsync(UpstreamCall call, CancellationToken cancel = default) =>
        (UpstreamReply)await Chain.SendAsync(call, cancel).WaitAsync(ScriptedUpstream.Patience, CancellationToken.None);

    /// <summary>Sends a plain message as an upstream's whole chain would take it.</summary>
    public Task<HttpResponseMessage> SendPlainAsync(HttpRequestMessage request, CancellationToken cancel = default) =>
        new HttpMessageInvoker(new PlainMessages(new Choosing(Destination)), disposeHandler: false).SendAsync(request, cancel);

    /// <summary>A whole exchange: status and body as text.</summary>
    public async Task<(int Status, string Body)> GetAsync(UpstreamCall? call = null)
    {
        var reply = await SendAsync(call ?? Call());
        try
        {
            return ((int)reply.StatusCode, await TextAsync(reply));
        }
        finally
        {
            await reply.FinishAsync();
        }
    }

    public static async Task<string> TextAsync(UpstreamReply reply)
    {
        var text = new StringBuilder();
        while (await reply.ReadAsync().AsTask().WaitAsync(ScriptedUpstream.Patience) is { Length: > 0 } piece)
        {
            text.Append(Encoding.Latin1.GetString(piece.Span));
        }
        return text.ToString();
    }

    public static async Task<Failure> FailureOf(Func<Task> act) => (await Assert.ThrowsAsync<UpstreamException>(act)).Failure;

    private sealed class Choosing(Destination destination) : DelegatingHandler(new ForwardingHandler())
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            ((UpstreamCall)request).Destination = destination;
            return base.SendAsync(request, cancellationToken);
        }
    }

    public void Dispose() => Destination.Dispose();
}
