namespace Postern.Pipeline;

/// <summary>Calls in hand: counted in when a destination is chosen, out when the call has ended.</summary>
internal sealed class CallCount : IEnding
{
    private int count;

    public int Value => Volatile.Read(ref count);

    public void Enter() => Interlocked.Increment(ref count);

    public void Leave() => Interlocked.Decrement(ref count);

    void IEnding.Ended(UpstreamReply reply) => Leave();
}
