using System.Diagnostics;

namespace Postern.Pipeline.Telemetry;

/// <summary>How long things took, counted in fixed buckets; spread over processors like a <see cref="Counter"/>.</summary>
internal sealed class Histogram
{
    /// <summary>The upper bounds, in seconds, that OpenTelemetry advises for HTTP durations, and three below them: a gateway, and a Redis
    /// beside it, are judged by parts of a millisecond.</summary>
    public static readonly double[] Seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

    private static readonly long[] Bounds = [.. Seconds.Select(s => (long)(s * Stopwatch.Frequency))];
    private static readonly int Width = (Seconds.Length + 2 + Stripes.Padding - 1) / Stripes.Padding * Stripes.Padding;

    // For each stripe: one count for each bucket, one past the last bound, and the sum of all durations in ticks.
    private readonly long[] cells = new long[Stripes.Count * Width];

    /// <summary>Counts a duration given in ticks of <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public void Record(long ticks)
    {
        var bucket = 0;
        while (bucket < Bounds.Length && ticks > Bounds[bucket])
        {
            bucket++;
        }
        var stripe = Stripes.Current * Width;
        Interlocked.Increment(ref cells[stripe + bucket]);
        Interlocked.Add(ref cells[stripe + Seconds.Length + 1], ticks);
    }

    /// <summary>How many there were in each bucket (the last: longer than every bound), and the sum in seconds.</summary>
    public (long[] Buckets, double Sum) Read()
    {
        var buckets = new long[Seconds.Length + 1];
        var sum = 0L;
        for (var stripe = 0; stripe < cells.Length; stripe += Width)
        {
            for (var i = 0; i < buckets.Length; i++)
            {
                buckets[i] += Volatile.Read(ref cells[stripe + i]);
            }
            sum += Volatile.Read(ref cells[stripe + buckets.Length]);
        }
        return (buckets, (double)sum / Stopwatch.Frequency);
    }
}
