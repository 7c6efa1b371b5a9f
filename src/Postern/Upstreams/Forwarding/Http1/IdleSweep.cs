using System.Runtime.CompilerServices;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>Closes connections that nobody has used for a while: one timer for all pools, which runs only while connections are open.</summary>
internal sealed class IdleSweep
{
    public static readonly TimeSpan MaxIdle = TimeSpan.FromSeconds(60);
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(12);

    private static readonly ConditionalWeakTable<TimeProvider, IdleSweep> All = [];

    private readonly Lock gate = new();
    private readonly HashSet<ConnectionPool> pools = [];
    private readonly ITimer timer;

    private IdleSweep(TimeProvider time)
    {
        // A timer made within a request would keep that request's context alive.
        using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
        {
            timer = time.CreateTimer(static s => ((IdleSweep)s!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The pool has opened a connection: its idle ones are closed from now on.</summary>
    public static void Watch(ConnectionPool pool, TimeProvider time)
    {
        var sweep = All.GetValue(time, static t => new IdleSweep(t));
        lock (sweep.gate)
        {
            if (sweep.pools.Add(pool) && sweep.pools.Count == 1)
            {
                sweep.timer.Change(Period, Period);
            }
        }
    }

    private void Sweep()
    {
        lock (gate)
        {
            pools.RemoveWhere(static pool => pool.Sweep(MaxIdle) == 0);
            if (pools.Count == 0)
            {
                timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
        }
    }
}
