namespace Postern.Tests.Harness;

/// <summary>A clock that moves when told to. A test waits until the code under test waits, then moves on.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock gate = new();
    private readonly List<Timer> timers = [];
    private readonly SemaphoreSlim waiting = new(0);
    private long now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref now);

    public override DateTimeOffset GetUtcNow() => new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddTicks(GetTimestamp());

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Done when the code under test has begun another wait.</summary>
    public async Task UntilWaitingAsync() => Assert.True(await waiting.WaitAsync(TimeSpan.FromSeconds(10)), "Nobody waits.");

    public void Advance(TimeSpan by)
    {
        List<Timer> due;
        lock (gate)
        {
            now += by.Ticks;
            due = [.. timers.Where(t => t.Due <= now)];
            due.ForEach(t => t.Rearm());
        }
        due.ForEach(t => t.Fire());
    }

    private sealed class Timer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan period = Timeout.InfiniteTimeSpan;

        public long Due { get; private set; } = long.MaxValue;

        public void Fire() => callback(state);

        public void Rearm()
        {
            Due = period == Timeout.InfiniteTimeSpan ? long.MaxValue : Due + period.Ticks;
            if (Due == long.MaxValue)
            {
                time.timers.Remove(this);
            }
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time.gate)
            {
                this.period = period;
                time.timers.Remove(this);
                Due = dueTime == Timeout.InfiniteTimeSpan ? long.MaxValue : time.now + dueTime.Ticks;
                if (Due != long.MaxValue)
                {
                    time.timers.Add(this);
                    time.waiting.Release();
                }
            }
            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
