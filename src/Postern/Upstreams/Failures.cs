using Postern.Config;

namespace Postern.Upstreams;

/// <summary>Which outcomes count as failures, made from a list such as <c>[connect, 502, 503]</c> to be asked for each call.</summary>
internal sealed class Failures
{
    private readonly bool[] statuses = new bool[600];
    private readonly bool connect, timeout, reset;

    public Failures(IEnumerable<CallFailure> listed)
    {
        foreach (var failure in listed)
        {
            connect |= failure.Kind == CallFailureKind.Connect;
            timeout |= failure.Kind == CallFailureKind.Timeout;
            reset |= failure.Kind == CallFailureKind.Reset;
            for (var status = failure.Statuses.From; failure.Kind == CallFailureKind.Status && status <= failure.Statuses.To; status++)
            {
                statuses[status] = true;
            }
        }
    }

    /// <summary>Whether the outcome is one of them.</summary>
    public bool Has(in Outcome outcome) => outcome.Kind switch
    {
        OutcomeKind.Answered => (uint)outcome.Status < (uint)statuses.Length && statuses[outcome.Status],
        OutcomeKind.Unreachable => connect,
        OutcomeKind.TimedOut => timeout,
        OutcomeKind.Gone or OutcomeKind.Invalid => reset,
        _ => false,
    };
}
