using System.Text;
using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>
/// HTTP/1.1 to one destination: a connection, a request, the head of its answer. A pooled connection may have been closed by
/// the upstream in the same moment; a call that can be sent twice without harm is then sent again, on another connection.
/// </summary>
internal sealed class Wire(Dialer dialer) : IWire
{
    public ConnectionPool Pool { get; } = new(dialer);

    /// <summary>The <c>Host</c> of calls that bring none.</summary>
    public byte[] OwnHost { get; } = Encoding.Latin1.GetBytes(dialer.Authority);

    public TimeProvider Time => dialer.Settings.Time;

    public Task<HttpResponseMessage> SendAsync(UpstreamCall call, CancellationToken cancel)
    {
        if (cancel.IsCancellationRequested)
        {
            return Task.FromCanceled<HttpResponseMessage>(cancel);
        }
        var idempotent = IsIdempotent(call.Method.Method);
        var reply = new Reply(this, call, idempotent, cancel);
        return Pool.TryTake(probe: !idempotent) is { } pooled ? reply.SendAsync(pooled) : reply.SendAsync();
    }

    public void Retire() => Pool.Retire();

    // RFC 9110 §9.2.2
    private static bool IsIdempotent(string method) => method is "GET" or "HEAD" or "OPTIONS" or "PUT" or "DELETE" or "TRACE";
}
