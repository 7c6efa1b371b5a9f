namespace Postern.Pipeline;

/// <summary>
/// Retrying, as the deadline sees it. It waits for no first try itself, because each handler that waits costs every call: the
/// deadline, which waits for all of them anyhow, tells it how the first one came out.
/// </summary>
internal interface ITries
{
    /// <summary>The first try is over; called exactly once for each.</summary>
    /// <param name="call">The call.</param>
    /// <param name="reply">Its answer; null where there is none.</param>
    /// <param name="failed">Why there is none.</param>
    /// <param name="cancel">Ends the call.</param>
    /// <returns>What counts instead: another try's answer, or a failure in better words. Null where the first try's outcome is the call's.</returns>
    Task<HttpResponseMessage>? After(UpstreamCall call, UpstreamReply? reply, Exception? failed, CancellationToken cancel);
}
