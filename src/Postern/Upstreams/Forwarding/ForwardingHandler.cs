using Postern.Config;
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
        var call = (UpstreamCall)request;
        return ((Destination)call.Destination!).SendAsync(call, cancellationToken);
    }

    /// <summary>Ends every upstream's chain; the destination knows its protocol.</summary>
    public sealed class Feature : IUpstreamHandler
    {
        public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
        {
            var options = scope.Options<ForwardingOptions>();
            scope.IsHttp2 = options.Protocol is UpstreamProtocol.Http2 or UpstreamProtocol.Grpc;
            scope.Note("forward", $"{Sections.KeyOf(options.Protocol.ToString()!)}, connectTimeout {Scalars.Format(options.ConnectTimeout!.Value)}, maxConnections {options.MaxConnections}");
            return new ForwardingHandler();
        }
    }
}
