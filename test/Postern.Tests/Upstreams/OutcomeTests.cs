using Postern.Pipeline;
using Postern.Upstreams;

namespace Postern.Tests.Upstreams;

/// <summary>How a try that was cancelled has ended.</summary>
public sealed class OutcomeTests
{
    [Theory]
    [InlineData(false, false, false), InlineData(true, false, true), InlineData(false, true, true)]
    public void What_was_cancelled_by_its_deadline_or_its_trys_is_the_upstreams_failure_and_not_the_clients_wish(bool call, bool its, bool timedOut) => Assert.Equal(
        timedOut ? OutcomeKind.TimedOut : OutcomeKind.Cancelled,
        Outcome.Of(new OperationCanceledException(), new UpstreamCall { TimeIsOver = call, TryIsOver = its }).Kind);
}
