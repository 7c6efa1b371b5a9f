using Postern.Pipeline;

namespace Postern.Upstreams.Breaking;

/// <summary>
/// Stops calling an upstream that fails too often: a call then fails at once, without waiting for anything. Stands inside the
/// deadline, so that a call that took too long counts, and outside the bulkhead and retrying, so that an open breaker uses up
/// neither and a call that succeeded at the second try is a success.
/// </summary>
internal sealed class BreakerHandler(Breakers breakers, HttpMessageHandler next) : DelegatingHandler(next)
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
            return new BreakerHandler(breakers, next);
        }
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (breaker.Enter() is { } entered)
        {
            return JudgeAsync((UpstreamCall)request, entered, cancellationToken);
        }
        throw new UpstreamException(Failure.UpstreamOpen, $"the breaker of {breakers.Upstream} is open") { RetryAfter = breaker.RetryAfter ?? 1 };
    }

    private async Task<HttpResponseMessage> JudgeAsync(UpstreamCall call, Phase entered, CancellationToken cancel)
    {
        var outcome = default(Outcome);
        try
        {
            var reply = (UpstreamReply)await base.SendAsync(call, cancel);
            outcome = Outcome.Of(reply);
            if (entered is IEnding ending)
            {
                reply.Hold(ending);
            }
            return reply;
        }
        catch (Exception e)
        {
            outcome = Outcome.Of(e, call);
            throw;
        }
        finally
        {
            // What one destination's own breaker holds back already is that destination's, and says nothing of the others.
            var blamed = breakers.Plan.Rule.Judge(outcome) == true && breakers.Blames(call.Destination);
            breaker.Left(entered, blamed ? new Outcome(OutcomeKind.NotAsked, 0) : outcome);
        }
    }
}
