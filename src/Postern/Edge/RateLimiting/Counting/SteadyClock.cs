namespace Postern.Edge.RateLimiting.Counting;

/// <summary>Microseconds since the epoch that never go back: the wall's time at the start, and what has passed since by the
/// timer that nobody sets.</summary>
internal sealed class SteadyClock(TimeProvider time)
{
    private readonly long start = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
    private readonly long began = time.GetTimestamp();

    public long Now => start + time.GetElapsedTime(began).Ticks / TimeSpan.TicksPerMicrosecond;
}
