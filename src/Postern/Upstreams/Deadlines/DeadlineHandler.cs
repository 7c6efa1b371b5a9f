using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Upstreams.Deadlines;

/// <summary>
/// Ends a call whose answer does not begin in time, and one whose answer falls silent. Stands outside all that waits or tries
/// again, so that all of it counts, and hands on one token for the whole call: the client leaving cancels it too, until the
/// body's end.
/// </summary>
internal sealed class DeadlineHandler : DelegatingHandler
{
    private readonly TimeSpan timeout;
    private readonly int silence;
    private readonly string upstream;
    private readonly TimeLeft left;
    private readonly Counter late, silent;

    private DeadlineHandler(UpstreamScope scope, DeadlineOptions options, HttpMessageHandler next) : base(next)
    {
        timeout = options.Timeout ?? System.Threading.Timeout.InfiniteTimeSpan;
        silence = (int)(options.IdleTimeout?.TotalMilliseconds ?? 0);
        upstream = scope.Upstream.Name;
        left = TimeLeft.Of(scope);
        (late, silent) = (Timeouts.Counter(scope, "call"), Timeouts.Counter(scope, "idle"));
    }

    /// <summary>The upstream's <c>timeout</c> and <c>idleTimeout</c> compiled into its chain.</summary>
    public sealed class Feature : IUpstreamHandler
    {
        public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
        {
            var options = scope.Options<DeadlineOptions>();
            scope.Note("deadline", (options.Timeout is { } t ? $"timeout {Scalars.Format(t)}" : "none but the route's")
                + (options.IdleTimeout is { } idle ? $", idleTimeout {Scalars.Format(idle)}" : ", idleTimeout off"));
            return new DeadlineHandler(scope, options, next);
        }
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var call = (UpstreamCall)request;
        var deadline = Deadline.Start(call, call.Timeout ?? timeout, cancellationToken);
        try
        {
            left.Begin(call, (long)(call.Timeout ?? timeout).TotalMilliseconds);
            var reply = (UpstreamReply)await base.SendAsync(request, deadline.Token);
            if (!HasBegun(deadline, reply))
            {
                await reply.FinishAsync();
                throw new OperationCanceledException(deadline.Token);
            }
            reply.Hold(deadline);
            deadline = null;
            call.Settle(reply);
            call.End(reply);
            return reply;
        }
        catch (Exception e) when (deadline is not null)
        {
            call.Settle(null, e);
            call.End(null, e);
            deadline.End();
            if (e is OperationCanceledException && deadline.Passed && !cancellationToken.IsCancellationRequested)
            {
                late.Add();
                throw new UpstreamException(Failure.UpstreamTimeout, $"{upstream} ({call.DestinationName}) did not answer within {Scalars.Format(call.Timeout ?? timeout)}");
            }
            throw;
        }
    }

    /// <summary>False where the time was over in the moment in which the head came.</summary>
    private bool HasBegun(Deadline deadline, UpstreamReply reply) =>
        silence > 0 && (reply.HasBody || reply.StatusCode == System.Net.HttpStatusCode.SwitchingProtocols)
            ? deadline.HeadIsHere(silence, silent) : deadline.HeadIsHere();
}

/// <summary>Counts what came too late.</summary>
internal static class Timeouts
{
    /// <param name="scope">The upstream.</param>
    /// <param name="kind">What was too long: <c>call</c>, <c>try</c> or <c>idle</c>.</param>
    public static Counter Counter(UpstreamScope scope, string kind) => MetricRegistry.Of(scope.State).Counter(
        "postern_upstream_timeouts_total", "Calls and tries without an answer in time, and answers cut because they fell silent.", ("upstream", scope.Upstream.Name), ("kind", kind));
}
