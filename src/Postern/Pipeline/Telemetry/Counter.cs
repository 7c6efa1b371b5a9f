using System.Numerics;

namespace Postern.Pipeline.Telemetry;

/// <summary>
/// A number that many threads add to. Each processor adds to a cell of its own, a cache line away from the next, so that
/// counting a request never waits for another one's. Reading sums the cells.
/// </summary>
internal sealed class Counter
{
    private readonly long[] cells = new long[Stripes.Count * Stripes.Padding];

    /// <summary>The sum of all that was added.</summary>
    public long Value
    {
        get
        {
            var sum = 0L;
            for (var i = 0; i < cells.Length; i += Stripes.Padding)
            {
                sum += Volatile.Read(ref cells[i]);
            }
            return sum;
        }
    }

    /// <summary>Adds <paramref name="count"/>, which may be negative where the number goes up and down.</summary>
    public void Add(long count = 1) => Interlocked.Add(ref cells[Stripes.Current * Stripes.Padding], count);
}

/// <summary>How numbers are spread over processors.</summary>
internal static class Stripes
{
    /// <summary>How many <c>long</c> fill two cache lines: processors fetch them in pairs.</summary>
    public const int Padding = 16;

    /// <summary>A power of two.</summary>
    public static readonly int Count = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(Environment.ProcessorCount, 1, 16));

    /// <summary>The stripe of the processor that asks.</summary>
    public static int Current => Thread.GetCurrentProcessorId() & (Count - 1);
}
