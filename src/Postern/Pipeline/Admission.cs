using Postern.Pipeline.Telemetry;

namespace Postern.Pipeline;

/// <summary>What a configuration lets in. Who arrives with a newer one than the counter knows brings it along.</summary>
/// <param name="Most">How many may be in progress: requests at a gate, calls to an upstream.</param>
/// <param name="Queue">How many more may wait.</param>
/// <param name="QueueTimeout">How long one may wait.</param>
/// <param name="Version">Counted up with each configuration that says something else.</param>
internal sealed record Bounds(int Most, int Queue, TimeSpan QueueTimeout, int Version);

/// <summary>What became of a request that had to wait.</summary>
internal enum Waited { Admitted, Full, TimedOut, ClientGone }

/// <summary>
/// Counts the requests in progress and lets in no more than its bounds say; others wait in line, or are told that they can't.
/// One number holds how many are in and how many wait, so that coming and going cost one interlocked operation each and
/// refusing none. The line has a lock, which is taken only while somebody waits. Outlives reloads: what an old request holds
/// counts under the new bounds.
/// </summary>
internal sealed class Admission : IPermits
{
    /// <summary>The lower half of the number counts who is in, the upper half who waits: while somebody waits, it is above every bound.</summary>
    private const long OneWaiting = 1L << 32;

    private readonly TimeProvider time;
    private readonly Lock line = new();
    private Waiter? first, last;
    private Bounds planned;
    private volatile Bounds bounds;
    private long state;

    public Admission(int most, int queue, TimeSpan queueTimeout, TimeProvider time)
    {
        this.time = time;
        planned = bounds = new Bounds(most, queue, queueTimeout, 0);
    }

    /// <summary>How many are in progress.</summary>
    public int InProgress => (int)(Volatile.Read(ref state) & (OneWaiting - 1));

    /// <summary>How many wait.</summary>
    public int Waiting => (int)(Volatile.Read(ref state) >> 32);

    /// <summary>How many may be in progress now.</summary>
    public int Limit => bounds.Most;

    /// <summary>The bounds as requests of a configuration bring them. They hold from the first of these requests on: compiling changes nothing.</summary>
    public Bounds Plan(int most, int queue, TimeSpan queueTimeout)
    {
        lock (line)
        {
            var asked = new Bounds(most, queue, queueTimeout, planned.Version);
            return planned = asked == planned ? planned : asked with { Version = planned.Version + 1 };
        }
    }

    /// <summary>Lets a request in, if there is room and nobody waits for it.</summary>
    public bool TryEnter(Bounds mine)
    {
        var most = (ReferenceEquals(bounds, mine) ? mine : Adopt(mine)).Most;
        while (true)
        {
            var seen = Volatile.Read(ref state);
            if (seen >= most)
            {
                return false;
            }
            if (Interlocked.CompareExchange(ref state, seen + 1, seen) == seen)
            {
                return true;
            }
        }
    }

    /// <summary>Waits in line, if there is room in it. A request that was admitted must <see cref="Return"/>.</summary>
    /// <param name="waits">Where the time in line is recorded.</param>
    /// <param name="clientGone">Its client has left, so nobody wants the answer.</param>
    public async ValueTask<Waited> WaitAsync(Histogram waits, CancellationToken clientGone)
    {
        if (!TryQueue(out var waiter))
        {
            return Waited.Full;
        }
        if (waiter is null)
        {
            return Waited.Admitted;
        }
        var began = time.GetTimestamp();
        var timer = time.CreateTimer(static w => ((Waiter)w!).Leave(Waited.TimedOut), waiter, bounds.QueueTimeout, Timeout.InfiniteTimeSpan);
        var registration = clientGone.UnsafeRegister(static w => ((Waiter)w!).Leave(Waited.ClientGone), waiter);
        var outcome = await waiter.Task;
        registration.Unregister();
        await timer.DisposeAsync();
        waits.Record(time.GetTimestamp() - began);
        return outcome;
    }

    /// <inheritdoc/>
    public void Return(string key)
    {
        while (true)
        {
            var seen = Volatile.Read(ref state);
            if (seen >= OneWaiting)
            {
                ReturnToLine();
                return;
            }
            if (Interlocked.CompareExchange(ref state, seen - 1, seen) == seen)
            {
                return;
            }
        }
    }

    private Bounds Adopt(Bounds mine)
    {
        lock (line)
        {
            // A request that began before the last reload may come later than one that began after it.
            if (mine.Version > bounds.Version)
            {
                bounds = mine;
                Admit();
            }
            return bounds;
        }
    }

    /// <summary>False where the line is full; no waiter where there was room after all.</summary>
    private bool TryQueue(out Waiter? waiter)
    {
        lock (line)
        {
            while (true)
            {
                var seen = Volatile.Read(ref state);
                waiter = null;
                if (seen < bounds.Most)
                {
                    if (Interlocked.CompareExchange(ref state, seen + 1, seen) == seen)
                    {
                        return true;
                    }
                }
                else if (seen >> 32 >= bounds.Queue)
                {
                    return false;
                }
                // Fails if one has just left, who then didn't see anybody waiting.
                else if (Interlocked.CompareExchange(ref state, seen + OneWaiting, seen) == seen)
                {
                    Append(waiter = new Waiter(this));
                    return true;
                }
            }
        }
    }

    private void ReturnToLine()
    {
        lock (line)
        {
            Interlocked.Decrement(ref state);
            Admit();
        }
    }

    /// <summary>Lets in who waits longest, while there is room. Under the lock; nobody passes the line while it isn't empty.</summary>
    private void Admit()
    {
        while (first is { } next && InProgress < bounds.Most)
        {
            Remove(next);
            Interlocked.Add(ref state, 1 - OneWaiting);
            next.TrySetResult(Waited.Admitted);
        }
    }

    private void Append(Waiter waiter)
    {
        (waiter.Before, waiter.Queued) = (last, true);
        (last is null ? ref first : ref last.Behind) = waiter;
        last = waiter;
    }

    private void Remove(Waiter waiter)
    {
        (waiter.Before is null ? ref first : ref waiter.Before.Behind) = waiter.Behind;
        (waiter.Behind is null ? ref last : ref waiter.Behind.Before) = waiter.Before;
        (waiter.Before, waiter.Behind, waiter.Queued) = (null, null, false);
    }

    /// <summary>A request in line. It goes on elsewhere than on the thread of the one who made room: that one has its own answer to end.</summary>
    private sealed class Waiter(Admission admission) : TaskCompletionSource<Waited>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public Waiter? Before, Behind;
        public bool Queued;

        /// <summary>Leaves the line, if not admitted by now.</summary>
        public void Leave(Waited why)
        {
            lock (admission.line)
            {
                if (Queued)
                {
                    admission.Remove(this);
                    Interlocked.Add(ref admission.state, -OneWaiting);
                    TrySetResult(why);
                }
            }
        }
    }
}
