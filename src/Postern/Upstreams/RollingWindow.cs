namespace Postern.Upstreams;

/// <summary>
/// Calls and failures of the last while, kept in steps of a tenth of it. Adding takes a lock once in a step and else none: a few
/// that come while a step begins may be counted in the one before, which changes no verdict.
/// </summary>
internal sealed class RollingWindow(TimeSpan length)
{
    private const int Count = 10;

    private readonly long width = Math.Max(1, length.Ticks / Count);
    private readonly Step[] steps = new Step[Count];
    private readonly Lock gate = new();

    /// <summary>Counts, at a time given in ticks of <see cref="TimeSpan"/>.</summary>
    public void Add(long now, int calls, int failures)
    {
        var number = now / width;
        ref var step = ref steps[number % Count];
        if (Volatile.Read(ref step.Number) != number)
        {
            Turn(ref step, number);
        }
        Interlocked.Add(ref step.Counts, ((long)calls << 32) + failures);
    }

    /// <summary>What was counted within the window that ends now.</summary>
    public (long Calls, long Failures) Sum(long now)
    {
        var last = now / width;
        var (calls, failures) = (0L, 0L);
        for (var i = 0; i < steps.Length; i++)
        {
            var number = Volatile.Read(ref steps[i].Number);
            if (number > last - Count && number <= last)
            {
                var counts = Volatile.Read(ref steps[i].Counts);
                calls += counts >> 32;
                failures += counts & uint.MaxValue;
            }
        }
        return (calls, failures);
    }

    private void Turn(ref Step step, long number)
    {
        lock (gate)
        {
            if (step.Number < number)
            {
                step.Counts = 0;
                Volatile.Write(ref step.Number, number);
            }
        }
    }

    private struct Step
    {
        public long Number;
        public long Counts;
    }
}
