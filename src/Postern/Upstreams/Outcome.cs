using Postern.Pipeline;

namespace Postern.Upstreams;

/// <summary>How one try of a call ended, for those who judge a destination or an upstream by it.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Status">The status, where it was answered; else 0.</param>
internal readonly record struct Outcome(OutcomeKind Kind, int Status)
{
    /// <summary>An answer's head has come.</summary>
    public static Outcome Of(UpstreamReply reply) => new(OutcomeKind.Answered, reply.JudgedAs);

    /// <summary>What the end of an answer makes of it, whose head was none of these; null where it was whole, and nothing more.</summary>
    public static Outcome? OfEnd(UpstreamReply reply) =>
        reply.Broken is not null ? new(OutcomeKind.Gone, 0) : reply.EndedAs != 0 ? new(OutcomeKind.Answered, reply.EndedAs) : null;

    /// <summary>An answer's head has come, or why none did.</summary>
    public static Outcome Of(UpstreamReply? reply, Exception? failed, UpstreamCall call) =>
        reply is not null ? Of(reply) : failed is not null ? Of(failed, call) : new(OutcomeKind.Cancelled, 0);

    /// <summary>There was none.</summary>
    public static Outcome Of(Exception e, UpstreamCall call) => new(e switch
    {
        // Else whoever begins uploads and doesn't go on could have the upstream taken out for everybody.
        _ when call.BodyWasOwed => OutcomeKind.Cancelled,
        UpstreamException upstream => upstream.Failure switch
        {
            Failure.UpstreamUnreachable => OutcomeKind.Unreachable,
            Failure.UpstreamTimeout => OutcomeKind.TimedOut,
            Failure.UpstreamGone => OutcomeKind.Gone,
            Failure.UpstreamProtocol or Failure.UpstreamBroken => OutcomeKind.Invalid,
            _ => OutcomeKind.NotAsked,
        },
        // It waited in line all the time.
        OperationCanceledException when call.Destination is null => OutcomeKind.NotAsked,
        OperationCanceledException when call.TimeIsOver || call.TryIsOver || (call.HadItAll && Environment.TickCount64 >= call.Latest) => OutcomeKind.TimedOut,
        // A client that left, or sent half a body, says nothing of the upstream.
        _ => OutcomeKind.Cancelled,
    }, 0);
}

/// <summary>What happened to a try.</summary>
internal enum OutcomeKind
{
    /// <summary>The head of an answer came.</summary>
    Answered,
    /// <summary>No connection.</summary>
    Unreachable,
    /// <summary>No answer in time.</summary>
    TimedOut,
    /// <summary>The connection ended before the answer's head was whole.</summary>
    Gone,
    /// <summary>The answer wasn't HTTP.</summary>
    Invalid,
    /// <summary>This side never sent it: no connection was free, a bulkhead was full, a breaker open.</summary>
    NotAsked,
    /// <summary>The client's doing; never counts.</summary>
    Cancelled,
}
