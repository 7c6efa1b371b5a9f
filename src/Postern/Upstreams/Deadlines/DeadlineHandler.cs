using System.Runtime.ExceptionServices;
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
        // What is used on both sides of a wait is what a call pays for, so it is little.
        var deadline = Begin((UpstreamCall)request, cancellationToken);
        UpstreamReply? reply;
        Exception? failed;
        try
        {
            reply = (UpstreamReply)await base.SendAsync(request, deadline.Token);
            failed = null;
        }
        catch (Exception e)
        {
            (reply, failed) = (null, e);
        }
        if (((UpstreamCall)request).Tries?.After((UpstreamCall)request, reply, failed, deadline.Token) is { } another)
        {
            try
            {
                reply = (UpstreamReply)await another;
                failed = null;
            }
            catch (Exception e)
            {
                (reply, failed) = (null, e);
            }
        }
        if (failed is not null)
        {
            ExceptionDispatchInfo.Throw(Fail((UpstreamCall)request, deadline, failed, cancellationToken));
        }
        return HasBegun(deadline, reply!) ? Hold((UpstreamCall)request, reply!, deadline) : await LateAsync((UpstreamCall)request, reply!, deadline, cancellationToken);
    }

    private Deadline Begin(UpstreamCall call, CancellationToken cancel)
    {
        var allowed = call.Timeout ?? timeout;
        var deadline = Deadline.Start(call, allowed, cancel);
        left.Begin(call, (long)allowed.TotalMilliseconds);
        return deadline;
    }

    private static UpstreamReply Hold(UpstreamCall call, UpstreamReply reply, Deadline deadline)
    {
        reply.Hold(deadline);
        call.Settle(reply);
        call.End(reply);
        return reply;
    }

    /// <summary>The call has no answer. Why, in the words of its deadline where that was it.</summary>
    private Exception Fail(UpstreamCall call, Deadline deadline, Exception e, CancellationToken cancel)
    {
        call.Settle(null, e);
        call.End(null, e);
        // Asked before it ends: then it may be another call's.
        var passed = deadline.Passed;
        deadline.End();
        if (e is not OperationCanceledException || !passed || cancel.IsCancellationRequested)
        {
            return e;
        }
        late.Add();
        return Timeouts.Late(call, upstream, Scalars.Format(call.Timeout ?? timeout));
    }

    /// <summary>The head came in the moment in which the time was over: its connection is gone already.</summary>
    private async Task<HttpResponseMessage> LateAsync(UpstreamCall call, UpstreamReply reply, Deadline deadline, CancellationToken cancel)
    {
        await reply.FinishAsync();
        throw Fail(call, deadline, new OperationCanceledException(deadline.Token), cancel);
    }

    /// <summary>False where the time was over in the moment in which the head came.</summary>
    private bool HasBegun(Deadline deadline, UpstreamReply reply) =>
        silence > 0 && (reply.HasBody || reply.StatusCode == System.Net.HttpStatusCode.SwitchingProtocols)
            ? deadline.HeadIsHere(silence, silent) : deadline.HeadIsHere();
}

/// <summary>What came too late: counted, and told.</summary>
internal static class Timeouts
{
    /// <summary>Why the call, or its try, has no answer.</summary>
    /// <param name="call">The call.</param>
    /// <param name="upstream">Whose it is.</param>
    /// <param name="time">The time that it had.</param>
    public static UpstreamException Late(UpstreamCall call, string upstream, string time) =>
        // Of a body without a length nobody knows whether the client owes more: it may wait for the answer itself, as streams of gRPC do.
        call is { BodyWasOwed: true, BodyLength: not null } ? new(Failure.BodyTooSlow, $"the client sent nothing more of its body within {time}")
        : call.Destination is null ? new(Failure.UpstreamTimeout, $"{upstream} had no room for the call within {time}")
        : new(Failure.UpstreamTimeout, $"{upstream} ({call.DestinationName}) did not answer within {time}{(call.BodyWasOwed ? ", nor had it the end of the client's body" : "")}");

    /// <param name="scope">The upstream.</param>
    /// <param name="kind">What was too long: <c>call</c>, <c>try</c> or <c>idle</c>.</param>
    public static Counter Counter(UpstreamScope scope, string kind) => MetricRegistry.Of(scope.State).Counter(
        "postern_upstream_timeouts_total", "Calls and tries without an answer in time, and answers cut because they fell silent.", ("upstream", scope.Upstream.Name), ("kind", kind));
}
