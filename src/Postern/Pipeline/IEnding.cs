namespace Postern.Pipeline;

/// <summary>What hears that a call has ended, with the last byte of its answer or before: a place in a bulkhead, a count, a deadline.</summary>
internal interface IEnding
{
    /// <summary>Called once for each time it was held.</summary>
    void Ended(UpstreamReply reply);
}
