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
    /// <summary>How much of an answer that is thrown away is read, to keep its connection.</summary>
    private const int MostDiscarded = 64 * 1024;

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

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var call = (UpstreamCall)request;
        var body = rules?.Begin(call);
        while (true)
        {
            // 1. One try, within its own time.
            var limit = tryTimeout > TimeSpan.Zero ? Deadline.Start(call, tryTimeout, cancellationToken, ofTry: true) : null;
            UpstreamReply? reply = null;
            Exception? failed = null;
            try
            {
                reply = (UpstreamReply)await base.SendAsync(call, limit?.Token ?? cancellationToken);
                if (limit?.HeadIsHere() == false)
                {
                    await reply.FinishAsync();
                    throw new OperationCanceledException(limit.Token);
                }
                if (limit is not null)
                {
                    reply.Hold(limit);
                }
                call.Settle(reply);
            }
            catch (Exception e)
            {
                reply = null;
                failed = Explain(e, call, limit, cancellationToken);
                call.Settle(null, failed);
                limit?.End();
            }

            // 2. Its answer, if there is none better to be had.
            if (Last(call, reply, failed, body, cancellationToken) is not { } wait)
            {
                return reply!;
            }

            // 3. Another one.
            await ClearAsync(reply, wait, cancellationToken);
            RetryRules.Prepare(call, body);
        }
    }

    /// <summary>How long to wait before another try; null where this one's answer is the call's. Throws where it has none.</summary>
    private TimeSpan? Last(UpstreamCall call, UpstreamReply? reply, Exception? failed, ReplayBody? body, CancellationToken cancel)
    {
        var outcome = reply is null ? Outcome.Of(failed!, call) : Outcome.Of(reply);
        if (rules is not null && !cancel.IsCancellationRequested && rules.TryAgain(call, outcome, reply, body, out var wait))
        {
            return wait;
        }
        body?.Settle();
        if (reply is null)
        {
            body?.Release();
            ExceptionDispatchInfo.Throw(failed!);
        }
        if (body is not null)
        {
            // What was kept may still be on its way to the upstream.
            reply.Hold(body);
        }
        return null;
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

    /// <summary>Throws the answer away, and waits.</summary>
    private async ValueTask ClearAsync(UpstreamReply? reply, TimeSpan wait, CancellationToken cancel)
    {
        if (reply is not null)
        {
            await DiscardAsync(reply);
        }
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, time, cancel);
        }
    }

    /// <summary>Reads what is there of an answer: where that is all of it, its connection is kept.</summary>
    private static async ValueTask DiscardAsync(UpstreamReply reply)
    {
        try
        {
            for (var room = MostDiscarded; room > 0 && reply.HasBody;)
            {
                var piece = reply.ReadAsync();
                if (!piece.IsCompleted)
                {
                    _ = ForgetAsync(piece);
                    break;
                }
                var length = (await piece).Length;
                room = length == 0 ? 0 : room - length;
            }
        }
        catch (UpstreamException)
        {
            // It is thrown away anyhow.
        }
        await reply.FinishAsync();
    }

    /// <summary>A read that ends when the reply is finished.</summary>
    private static async Task ForgetAsync(ValueTask<ReadOnlyMemory<byte>> reading)
    {
        try
        {
            await reading;
        }
        catch (Exception e) when (e is UpstreamException or OperationCanceledException or ObjectDisposedException)
        {
        }
    }
}
