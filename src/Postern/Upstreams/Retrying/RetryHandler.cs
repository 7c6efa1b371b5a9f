using System.Runtime.ExceptionServices;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Upstreams.Deadlines;

namespace Postern.Upstreams.Retrying;

/// <summary>
/// Tries a call again that failed and can be sent twice without harm, each time at another destination, as long as the call's
/// deadline and the upstream's budget allow; and ends a single try that takes too long. Stands right outside balancing, so that
/// all around it see one call. It waits for no first try itself (<see cref="ITries"/>).
/// </summary>
internal sealed class RetryHandler(RetryRules? rules, TimeSpan tryTimeout, string upstream, Counter late, TimeProvider time, HttpMessageHandler next) : DelegatingHandler(next), ITries
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
        var call = (UpstreamCall)request;
        rules?.Begin(call);
        var limit = Limit(call, cancellationToken);
        (call.Tries, call.TryLimit) = (this, limit);
        return base.SendAsync(request, limit?.Token ?? cancellationToken);
    }

    Task<HttpResponseMessage>? ITries.After(UpstreamCall call, UpstreamReply? reply, Exception? failed, CancellationToken cancel)
    {
        var limit = (Deadline?)call.TryLimit;
        call.TryLimit = null;
        return After(call, reply, failed, limit, cancel);
    }

    /// <summary>A try is over: what counts instead, or null.</summary>
    private Task<HttpResponseMessage>? After(UpstreamCall call, UpstreamReply? reply, Exception? failed, Deadline? limit, CancellationToken cancel)
    {
        var why = Settle(call, reply, failed, limit, cancel);
        if (MayTryAgain(call, reply, why, cancel, out var wait))
        {
            return TryAgainAsync(call, reply, wait, cancel);
        }
        if (why is null)
        {
            Keep(call, reply!);
            return null;
        }
        if (reply is null)
        {
            (call.Body as ReplayBody)?.Release();
        }
        return why == failed ? null : FailAsync(reply, why);
    }

    private Deadline? Limit(UpstreamCall call, CancellationToken cancel) =>
        tryTimeout > TimeSpan.Zero ? Deadline.Start(call, tryTimeout, cancel, ofTry: true) : null;

    /// <summary>Why the try failed, in the words of its own time where that was it; null where it has an answer.</summary>
    private Exception? Settle(UpstreamCall call, UpstreamReply? reply, Exception? failed, Deadline? limit, CancellationToken cancel)
    {
        if (failed is null && limit?.HeadIsHere() == false)
        {
            // In the moment in which the time was over: its connection is gone already.
            failed = new OperationCanceledException(limit.Token);
        }
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

    /// <summary>Throws the last try's answer away, waits, and makes another one.</summary>
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
        var limit = Limit(call, cancel);
        Exception? failed = null;
        try
        {
            reply = (UpstreamReply)await base.SendAsync(call, limit?.Token ?? cancel);
        }
        catch (Exception e)
        {
            (reply, failed) = (null, e);
        }
        if (After(call, reply, failed, limit, cancel) is { } another)
        {
            return await another;
        }
        if (failed is not null)
        {
            ExceptionDispatchInfo.Throw(failed);
        }
        return reply!;
    }

    private static void Keep(UpstreamCall call, UpstreamReply reply)
    {
        if (call.Body is ReplayBody body)
        {
            body.Settle();
            // What was kept may still be on its way to the upstream.
            reply.Hold(body);
        }
    }

    private static async Task<HttpResponseMessage> FailAsync(UpstreamReply? reply, Exception why)
    {
        if (reply is not null)
        {
            await reply.FinishAsync();
        }
        throw why;
    }

    private Exception Explain(Exception e, UpstreamCall call, Deadline? limit, CancellationToken cancel)
    {
        if (e is not OperationCanceledException || limit is not { Passed: true } || cancel.IsCancellationRequested)
        {
            return e;
        }
        late.Add();
        return Timeouts.Late(call, upstream, $"its tryTimeout of {Scalars.Format(tryTimeout)}");
    }
}
