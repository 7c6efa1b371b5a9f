namespace Postern.Tests.Harness;

/// <summary>A clock that stands still until a test moves it; its timers fire while it moves.</summary>
internal sealed class SteppedTime : TimeProvider
{
    private readonly Lock gate = new();
    private readonly List<Alarm> alarms = [];
    private TimeSpan now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Timers that wait to fire.</summary>
    public int Waiting
    {
        get
        {
            lock (gate)
            {
                return alarms.Count;
            }
        }
    }

    public override long GetTimestamp()
    {
        lock (gate)
        {
            return now.Ticks;
        }
    }

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + TimeSpan.FromTicks(GetTimestamp());

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var alarm = new Alarm(this, () => callback(state));
        alarm.Change(dueTime, period);
        return alarm;
    }

    public void Advance(TimeSpan by)
    {
        var end = GetTimestamp() + by.Ticks;
        while (true)
        {
            Alarm? next;
            lock (gate)
            {
                next = alarms.Where(a => a.Due.Ticks <= end).MinBy(a => a.Due);
                now = next is null ? TimeSpan.FromTicks(end) : next.Due > now ? next.Due : now;
                if (next is null)
                {
                    return;
                }
                if (next.Period > TimeSpan.Zero)
                {
                    next.Due += next.Period;
                }
                else
                {
                    alarms.Remove(next);
                }
            }
            next.Fire();
        }
    }

    private sealed class Alarm(SteppedTime time, Action fire) : ITimer
    {
        public TimeSpan Due { get; set; }

        public TimeSpan Period { get; private set; }

        public void Fire() => fire();

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time.gate)
            {
                time.alarms.Remove(this);
                if (dueTime >= TimeSpan.Zero)
                {
                    (Due, Period) = (time.now + dueTime, period);
                    time.alarms.Add(this);
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
