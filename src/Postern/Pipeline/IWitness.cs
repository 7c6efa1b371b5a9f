namespace Postern.Pipeline;

/// <summary>
/// Who is told how a call, or one try of it, came out: a breaker, the judges of a destination. The handler that waits for the
/// answer anyhow tells it, because each one more that waits costs every call. An answer it saw the head of tells it of its end, too.
/// </summary>
internal interface IWitness : IEnding
{
    /// <summary>The head of an answer has come, or why none did; told once.</summary>
    void Saw(UpstreamCall call, UpstreamReply? reply, Exception? failed);
}
