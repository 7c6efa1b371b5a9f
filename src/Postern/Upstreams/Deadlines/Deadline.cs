using System.Collections.Concurrent;
using Postern.Pipeline;

namespace Postern.Upstreams.Deadlines;

/// <summary>
/// The one cancellation of a call: by time until the head of the answer, by the client until the end. Kept for the next
/// call, because a token source and a timer for each request would be the largest objects of its life.
/// </summary>
internal sealed class Deadline : IEnding
{
    private const int Kept = 1024;
    private const long Never = long.MaxValue;
    private static readonly ConcurrentQueue<Deadline> Pool = [];
    private static int pooled;

    private readonly Timer timer;
    private readonly CancellationTokenSource source = new();
    private CancellationTokenRegistration client;
    private UpstreamCall? call;
    private long allowed;
    private long due = Never;
    private long ticks = Never;

    private Deadline() => timer = new Timer(static d => ((Deadline)d!).Tick(), this, Timeout.Infinite, Timeout.Infinite);

    /// <summary>Cancelled when the time is over or the client is gone.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>Whether it was the time.</summary>
    public bool Passed { get; private set; }

    public static Deadline Start(UpstreamCall call, TimeSpan allowed, CancellationToken client)
    {
        if (Pool.TryDequeue(out var deadline))
        {
            Interlocked.Decrement(ref pooled);
        }
        else
        {
            deadline = new Deadline();
        }
        deadline.call = call;
        deadline.allowed = (long)allowed.TotalMilliseconds;
        if (deadline.allowed > 0)
        {
            deadline.Arm(Environment.TickCount64 + deadline.allowed);
        }
        deadline.client = client.UnsafeRegister(static d => ((Deadline)d!).source.Cancel(), deadline);
        return deadline;
    }

    /// <summary>The answer has begun: from here only the client ends the call.</summary>
    public void HeadIsHere() => Volatile.Write(ref due, Never);

    void IEnding.Ended(UpstreamReply reply) => End();

    /// <summary>The call has ended, body included.</summary>
    public void End()
    {
        // Waits for a cancellation that is running, so that it can't reach the next call.
        client.Dispose();
        HeadIsHere();
        call = null;
        if (!Passed && source.TryReset() && Interlocked.Increment(ref pooled) <= Kept)
        {
            Pool.Enqueue(this);
            return;
        }
        timer.Dispose();
        if (!Passed)
        {
            // Where the time has passed the source may be cancelling at this moment; the collector takes it.
            source.Dispose();
        }
    }

    /// <summary>
    /// A timer that is set already is left alone where it comes soon enough: it looks again then. Setting it for each call
    /// and stopping it for each answer would cost more than all else here.
    /// </summary>
    private void Arm(long at)
    {
        // Either the timer that ticks now sees this time, or this sees that it has ticked.
        Interlocked.Exchange(ref due, at);
        if (at < Volatile.Read(ref ticks))
        {
            Set(at);
        }
    }

    private void Set(long at)
    {
        Volatile.Write(ref ticks, at);
        timer.Change(Math.Max(0, at - Environment.TickCount64), Timeout.Infinite);
    }

    private void Tick()
    {
        Interlocked.Exchange(ref ticks, Never);
        var seen = Volatile.Read(ref due);
        if (seen == Never)
        {
            return;
        }
        // A slow upload is no slow upstream: the time counts from the last piece that went out.
        var late = Math.Max(seen, (Volatile.Read(ref call)?.LastProgress ?? 0) + allowed);
        if (Environment.TickCount64 < late)
        {
            Set(late);
        }
        else
        {
            Passed = true;
            // Not this call's time any more: its answer has begun meanwhile, and the next one's time is another.
            if (Interlocked.CompareExchange(ref due, Never, seen) == seen)
            {
                if (Volatile.Read(ref call) is { } now)
                {
                    now.TimeIsOver = true;
                }
                source.Cancel();
            }
            else
            {
                Passed = false;
            }
        }
    }
}
