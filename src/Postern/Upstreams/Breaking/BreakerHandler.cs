using Postern.Pipeline;

namespace Postern.Upstreams.Breaking;

/// <summary>
/// Stops calling an upstream that fails too often: a call then fails at once, without waiting for anything. Stands inside the
/// deadline, so that a call that took too long counts, and outside the bulkhead and retrying, so that an open breaker uses up
/// neither and a call that succeeded at the second try is a success. It waits for no answer itself: the deadline, which does, tells it.
/// </summary>
internal sealed class BreakerHandler(Breakers breakers, DestinationSet? set, HttpMessageHandler next) : DelegatingHandler(next), IWitness
{
    private readonly Breaker breaker = breakers.Whole;

    /// <summary>The upstream's <c>breaker</c> compiled into its chain.</summary>
    public sealed class Feature : IUpstreamHandler
    {
        public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
        {
            if (Breakers.Of(scope) is not { } breakers)
            {
                return next;
            }
            var several = Judging.HasSeveral(scope);
            scope.Note("breaker", $"{(several ? "of the upstream and of each destination; " : "")}{breakers.Plan}");
            return new BreakerHandler(breakers, several ? DestinationSet.Of(scope) : null, next);
        }
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (breaker.Enter() is not (> 0 and var entered))
        {
            return Task.FromException<HttpResponseMessage>(
                new UpstreamException(Failure.UpstreamOpen, $"the breaker of {breakers.Upstream} is open") { RetryAfter = breaker.RetryAfter ?? 1 });
        }
        var call = (UpstreamCall)request;
        (call.CallWitness, call.LetInAs) = (this, entered);
        return base.SendAsync(request, cancellationToken);
    }

    /// <summary>The call has come out; the deadline says so.</summary>
    void IWitness.Saw(UpstreamCall call, UpstreamReply? reply, Exception? failed) => breaker.Left(call.LetInAs, Outcome.Of(reply, failed, call), set);

    /// <summary>An answer that had begun has ended: was it whole?</summary>
    void IEnding.Ended(UpstreamReply reply) => breaker.Ended(Outcome.OfEnd(reply), set);
}
