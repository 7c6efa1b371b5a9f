using Postern.Config;
using Postern.Pipeline;

namespace Postern.Upstreams.Deadlines;

/// <summary>
/// Ends a call whose answer does not begin in time. Stands outside balancing, so that waiting for a connection counts,
/// and hands on one token for the whole call: the client leaving cancels it too, until the body's end.
/// </summary>
internal sealed class DeadlineHandler(TimeSpan timeout, string upstream, HttpMessageHandler next) : DelegatingHandler(next)
{
    /// <summary>The upstream's <c>timeout</c> compiled into its chain.</summary>
    public sealed class Feature : IUpstreamHandler
    {
        public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
        {
            var timeout = scope.Options<DeadlineOptions>().Timeout;
            scope.Note("deadline", timeout is { } t ? $"timeout {Scalars.Format(t)}" : "none but the route's");
            return new DeadlineHandler(timeout ?? System.Threading.Timeout.InfiniteTimeSpan, scope.Upstream.Name, next);
        }
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var call = (UpstreamCall)request;
        var allowed = call.Timeout ?? timeout;
        var deadline = Deadline.Start(call, allowed, cancellationToken);
        try
        {
            var reply = (UpstreamReply)await base.SendAsync(request, deadline.Token);
            deadline.HeadIsHere();
            reply.Hold(deadline);
            deadline = null;
            call.Settle(reply);
            return reply;
        }
        catch (OperationCanceledException) when (deadline!.Passed && !cancellationToken.IsCancellationRequested)
        {
            throw new UpstreamException(Failure.UpstreamTimeout, $"{upstream} ({call.DestinationName}) did not answer within {Scalars.Format(allowed)}");
        }
        finally
        {
            if (deadline is not null)
            {
                call.Settle(null);
                deadline.End();
            }
        }
    }
}
