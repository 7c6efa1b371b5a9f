using System.Text;
using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>
/// HTTP/1.1 to one destination: a connection, a request, the head of its answer. A pooled connection may have been closed by
/// the upstream in the same moment; a call that can be sent twice without harm is then sent again, on another connection.
/// </summary>
internal sealed class Wire(Dialer dialer) : IWire
{
    private const int MaxAttempts = 3;

    public ConnectionPool Pool { get; } = new(dialer);

    /// <summary>The <c>Host</c> of calls that bring none.</summary>
    public byte[] OwnHost { get; } = Encoding.Latin1.GetBytes(dialer.Authority);

    public TimeProvider Time => dialer.Settings.Time;

    public async Task<HttpResponseMessage> SendAsync(UpstreamCall call, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        var reply = new Reply(this, call, cancel);
        var idempotent = IsIdempotent(call.Method.Method);
        for (var attempt = 1; ; attempt++)
        {
            var connection = (attempt == 1 ? Pool.TryTake(probe: !idempotent) : null) ?? await Pool.TakeAsync(cancel).ConfigureAwait(false);
            if (await reply.ExchangeAsync(connection, repeatable: idempotent && connection.Reused && attempt < MaxAttempts).ConfigureAwait(false))
            {
                return reply;
            }
        }
    }

    public void Retire() => Pool.Retire();

    // RFC 9110 §9.2.2
    private static bool IsIdempotent(string method) => method is "GET" or "HEAD" or "OPTIONS" or "PUT" or "DELETE" or "TRACE";
}
