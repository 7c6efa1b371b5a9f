using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding;

/// <summary>
/// Puts a call on the wire and reads the head of its answer. Innermost, because every handler around it decides whether,
/// where and how long; this one only speaks HTTP, and passes on nothing that is not.
/// </summary>
internal sealed class ForwardingHandler : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request is not UpstreamCall call)
        {
            return PlainMessage.SendAsync(request, cancellationToken);
        }
        return call.Destination is Destination destination
            ? destination.SendAsync(call, cancellationToken)
            : throw new InvalidOperationException("No destination was chosen for this call.");
    }
}

/// <summary>Ends every upstream's chain with the one handler that needs no options: the destination knows its protocol.</summary>
internal sealed class Forwarding : IUpstreamHandler
{
    public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next) => new ForwardingHandler();
}
