using Postern.Config;

namespace Postern.Upstreams;

/// <summary>Which outcomes count as failures, made from a list such as <c>[connect, 502, 503]</c> to be asked for each call.</summary>
internal sealed class Failures
{
    private readonly StatusSet statuses;
    private readonly bool connect, timeout, reset;

    public Failures(IEnumerable<CallFailure> listed)
    {
        CallFailure[] all = [.. listed];
        statuses = new StatusSet(all.Where(f => f.Kind == CallFailureKind.Status).Select(f => f.Statuses));
        foreach (var failure in all)
        {
            connect |= failure.Kind == CallFailureKind.Connect;
            timeout |= failure.Kind == CallFailureKind.Timeout;
            reset |= failure.Kind == CallFailureKind.Reset;
        }
    }

    /// <summary>Whether the outcome is one of them.</summary>
    public bool Has(in Outcome outcome) => outcome.Kind switch
    {
        OutcomeKind.Answered => statuses.Has(outcome.Status),
        OutcomeKind.Unreachable => connect,
        OutcomeKind.TimedOut => timeout,
        OutcomeKind.Gone or OutcomeKind.Invalid => reset,
        _ => false,
    };
}
