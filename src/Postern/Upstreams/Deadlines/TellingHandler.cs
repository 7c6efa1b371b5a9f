using Postern.Pipeline;

namespace Postern.Upstreams.Deadlines;

/// <summary>
/// Tells an upstream how much time it has. Stands behind all that waits or tries again, so that what it says is what is left at
/// this moment; it waits for nothing itself.
/// </summary>
internal sealed class TellingHandler(TimeLeft left, HttpMessageHandler next) : DelegatingHandler(next)
{
    /// <summary>In the chain of an upstream that says a deadline or may speak gRPC.</summary>
    public sealed class Feature : IUpstreamHandler
    {
        public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
        {
            var own = scope.Upstream.Sections.Written<DeadlineOptions>();
            var grpc = own.GrpcTimeout != false;
            if (own.DeadlineHeader is { } field)
            {
                scope.Note("deadline", $"{field}: the milliseconds left{(grpc ? "; gRPC calls by grpc-timeout" : "")}");
            }
            else if (!grpc || (own.Timeout is null && own.TryTimeout is null && scope.Options<Forwarding.ForwardingOptions>().Protocol is not (Forwarding.UpstreamProtocol.Http2 or Forwarding.UpstreamProtocol.Grpc)))
            {
                return next;
            }
            return new TellingHandler(TimeLeft.Of(scope), next);
        }
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        left.Tell((UpstreamCall)request);
        return base.SendAsync(request, cancellationToken);
    }
}
