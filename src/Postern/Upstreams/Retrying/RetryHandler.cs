using System.Runtime.ExceptionServices;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Upstreams.Deadlines;

namespace Postern.Upstreams.Retrying;

/// <summary>
/// Tries a call again that failed and can be sent twice without harm, each time at another destination, as long as the call's
/// deadline and the upstream's budget allow; and ends a single try that takes too long. Stands right outside balancing, so that
/// all around it see one call. Both things in one handler, because each that waits costs every call.
/// </summary>
internal sealed class RetryHandler(RetryRules? rules, TimeSpan tryTimeout, string upstream, Counter late, TimeProvider time, HttpMessageHandler next) : DelegatingHandler(next)
{
    /// <summary>The upstream's <c>retry</c> and <c>tryTimeout</c> compiled into its chain.</summary>
    public sealed class Feature(TimeProvider time) : IUpstreamHandler
    {
        public Feature() : this(TimeProvider.System) { }

        public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
        {
            var tryTimeout = scope.Options<DeadlineOptions>().TryTimeout;
            var rules = scope.Options<RetrySection>().Retry is { Attempts: > 1 } retry ? new RetryRules(scope, retry, time) : null;
            if (tryTimeout is { } bound)
            {
                scope.Note("retry", $"tryTimeout {Scalars.Format(bound)}");
            }
            return rules is null && tryTimeout is null ? next
                : new RetryHandler(rules, tryTimeout ?? TimeSpan.Zero, scope.Upstream.Name, Timeouts.Counter(scope, "try"), time, next);
        }
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        rules?.Begin((UpstreamCall)request);
        return TryAsync(request, cancellationToken);
    }

    /// <summary>One try, and those after it. What is used on both sides of the wait is what every call pays for, so it is little.</summary>
    private async Task<HttpResponseMessage> TryAsync(HttpRequestMessage request, CancellationToken cancel)
    {
        // 1. One try, within its own time.
        var limit = tryTimeout > TimeSpan.Zero ? Deadline.Start((UpstreamCall)request, tryTimeout, cancel, ofTry: true) : null;
        UpstreamReply? reply;
        Exception? failed;
        try
        {
            reply = (UpstreamReply)await base.SendAsync(request, limit?.Token ?? cancel);
            // In the moment in which the time was over: its connection is gone already.
            failed = limit?.HeadIsHere() == false ? new OperationCanceledException(limit.Token) : null;
        }
        catch (Exception e)
        {
            (reply, failed) = (null, e);
        }
        failed = Settle((UpstreamCall)request, reply, failed, limit, cancel);

        // 2. Another, if that may help.
        if (MayTryAgain((UpstreamCall)request, reply, failed, cancel, out var wait))
        {
            return await TryAgainAsync((UpstreamCall)request, reply, wait, cancel);
        }

        // 3. Else what this one came to is the call's.
        return failed is null ? Keep((UpstreamCall)request, reply!) : await FailAsync((UpstreamCall)request, reply, failed);
    }

    /// <summary>The try is over. Why it failed, in the words of its own time where that was it; null where it has an answer.</summary>
    private Exception? Settle(UpstreamCall call, UpstreamReply? reply, Exception? failed, Deadline? limit, CancellationToken cancel)
    {
        if (failed is null)
        {
            if (limit is not null)
            {
                reply!.Hold(limit);
            }
            call.Settle(reply);
            return null;
        }
        failed = Explain(failed, call, limit, cancel);
        call.Settle(null, failed);
        limit?.End();
        return failed;
    }

    private bool MayTryAgain(UpstreamCall call, UpstreamReply? reply, Exception? failed, CancellationToken cancel, out TimeSpan wait)
    {
        wait = default;
        var outcome = failed is null ? Outcome.Of(reply!) : Outcome.Of(failed, call);
        return rules is not null && !cancel.IsCancellationRequested && rules.TryAgain(call, outcome, failed is null ? reply : null, call.Body as ReplayBody, out wait);
    }

    private async Task<HttpResponseMessage> TryAgainAsync(UpstreamCall call, UpstreamReply? reply, TimeSpan wait, CancellationToken cancel)
    {
        if (reply is not null)
        {
            await reply.DiscardAsync();
        }
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, time, cancel);
        }
        var body = call.Body as ReplayBody;
        if (!RetryRules.IsWhole(call, body))
        {
            // More of it went out while the answer came than can be sent again.
            body?.Release();
            throw new UpstreamException(Failure.UpstreamGone, $"{upstream} ({call.DestinationName}) answered before it had the body, which is too long to be sent again");
        }
        RetryRules.Prepare(call, body);
        return await TryAsync(call, cancel);
    }

    private static UpstreamReply Keep(UpstreamCall call, UpstreamReply reply)
    {
        if (call.Body is ReplayBody body)
        {
            body.Settle();
            // What was kept may still be on its way to the upstream.
            reply.Hold(body);
        }
        return reply;
    }

    private static async Task<HttpResponseMessage> FailAsync(UpstreamCall call, UpstreamReply? reply, Exception failed)
    {
        if (reply is not null)
        {
            await reply.FinishAsync();
        }
        (call.Body as ReplayBody)?.Release();
        ExceptionDispatchInfo.Throw(failed);
        return reply!;
    }

    private Exception Explain(Exception e, UpstreamCall call, Deadline? limit, CancellationToken cancel)
    {
        if (e is not OperationCanceledException || limit is not { Passed: true } || cancel.IsCancellationRequested)
        {
            return e;
        }
        late.Add();
        return new UpstreamException(Failure.UpstreamTimeout, $"{upstream} ({call.DestinationName}) did not answer within its tryTimeout of {Scalars.Format(tryTimeout)}");
    }
}
