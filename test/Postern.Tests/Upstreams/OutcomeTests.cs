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
        Outcome.Of(new OperationCanceledException(), new UpstreamCall { Destination = new Somewhere(), TimeIsOver = call, TryIsOver = its }).Kind);

    [Fact]
    public void What_was_never_sent_or_whose_body_the_client_owed_says_nothing_of_the_upstream()
    {
        Assert.Equal(OutcomeKind.NotAsked, Outcome.Of(new OperationCanceledException(), new UpstreamCall { TimeIsOver = true }).Kind);
        Assert.Equal(OutcomeKind.Cancelled, Outcome.Of(new OperationCanceledException(), new UpstreamCall { Destination = new Somewhere() }).Kind);
        var owed = new UpstreamCall { Destination = new Somewhere(), TimeIsOver = true, BodyWasOwed = true };
        Assert.Equal(OutcomeKind.Cancelled, Outcome.Of(new OperationCanceledException(), owed).Kind);
        Assert.Equal(OutcomeKind.Cancelled, Outcome.Of(new UpstreamException(Failure.UpstreamTimeout, "late"), owed).Kind);
    }

    private sealed class Somewhere : IDestination
    {
        public string Name => "10.0.0.5:80";

        public string Host => "10.0.0.5";

        public object Port => 80;
    }
}
