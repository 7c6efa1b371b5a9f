using System.Diagnostics;

namespace Postern.Pipeline;

/// <summary>Calls in hand: counted in when a destination is chosen, out when the call has ended. And how long answers take.</summary>
internal sealed class CallCount : IEnding
{
    private int count;
    private long latency;

    public int Value => Volatile.Read(ref count);

    public void Enter() => Interlocked.Increment(ref count);

    public void Leave() => Interlocked.Decrement(ref count);

    /// <summary>Time to the head of an answer, about the mean of the last sixteen; null before the first.</summary>
    public TimeSpan? Latency => Volatile.Read(ref latency) is > 0 and var ticks ? Stopwatch.GetElapsedTime(0, ticks) : null;

    /// <summary>An answer's head took so many ticks of the <see cref="Stopwatch"/>. Of two at the same moment one may go uncounted.</summary>
    public void Took(long ticks)
    {
        var mean = Volatile.Read(ref latency);
        Volatile.Write(ref latency, Math.Max(1, mean == 0 ? ticks : mean + ((ticks - mean) / 16)));
    }

    void IEnding.Ended(UpstreamReply reply) => Leave();
}
