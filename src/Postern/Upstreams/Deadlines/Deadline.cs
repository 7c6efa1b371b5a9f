using Microsoft.Extensions.ObjectPool;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Upstreams.Deadlines;

/// <summary>
/// The one cancellation of a call, or of one try: by time until the head of the answer, then by silence within its body, and by
/// the client until the end. Kept for the next call, because a token source and a timer for each request would be the largest
/// objects of its life.
/// </summary>
internal sealed class Deadline : IEnding
{
    private const int Kept = 1024;
    private const long Never = long.MaxValue;
    private static readonly ObjectPool<Deadline> Pool = new DefaultObjectPool<Deadline>(new Keeping(), Kept);

    private readonly Timer timer;
    private readonly CancellationTokenSource source = new();
    private CancellationTokenRegistration client;
    private UpstreamCall? call;
    private Counter? silences;
    private bool ofTry;
    private (int Allowed, long Due) whole;
    private long allowed;
    private long due = Never;
    private long ticks = Never;

    private Deadline() => timer = new Timer(static d => ((Deadline)d!).Tick(), this, Timeout.Infinite, Timeout.Infinite);

    /// <summary>Cancelled when the time is over or the client is gone.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>Whether it was the time.</summary>
    public bool Passed { get; private set; }

    /// <param name="call">The call.</param>
    /// <param name="allowed">How long the head of its answer may take; nothing or less for no bound.</param>
    /// <param name="outer">What else ends the call.</param>
    /// <param name="ofTry">Whether it bounds one try, after which there may be another.</param>
    public static Deadline Start(UpstreamCall call, TimeSpan allowed, CancellationToken outer, bool ofTry = false)
    {
        var deadline = Pool.Get();
        deadline.call = call;
        deadline.ofTry = ofTry;
        deadline.allowed = (long)allowed.TotalMilliseconds;
        if (deadline.allowed > 0)
        {
            var due = Environment.TickCount64 + deadline.allowed;
            deadline.Arm(due);
            if (ofTry)
            {
                deadline.Narrow(call, due);
            }
        }
        deadline.client = outer.UnsafeRegister(static d => ((Deadline)d!).source.Cancel(), deadline);
        return deadline;
    }

    /// <summary>The answer has begun: from here only the client ends the call. False where the time was over in the same moment.</summary>
    public bool HeadIsHere()
    {
        Widen();
        return Interlocked.Exchange(ref due, Never) != Never || allowed <= 0;
    }

    /// <summary>The answer has begun: from here the client ends the call, and so does an upstream that is silent for too long.</summary>
    /// <param name="silence">How long it may be silent, in milliseconds.</param>
    /// <param name="cut">Counts where it was.</param>
    public bool HeadIsHere(int silence, Counter cut)
    {
        var bounded = allowed > 0;
        var at = Environment.TickCount64 + silence;
        (silences, allowed) = (cut, silence);
        return Arm(at) != Never || !bounded;
    }

    /// <summary>While a try lasts, the call has no more time than it.</summary>
    private void Narrow(UpstreamCall its, long at)
    {
        its.TryIsOver = false;
        whole = (its.Allowed, its.Due);
        if (at < its.Due)
        {
            (its.Allowed, its.Due) = ((int)allowed, at);
        }
    }

    private void Widen()
    {
        if (ofTry && call is { } its)
        {
            (its.Allowed, its.Due) = whole;
        }
    }

    void IEnding.Ended(UpstreamReply reply) => End();

    /// <summary>The call has ended, body included.</summary>
    public void End()
    {
        // Waits for a cancellation that is running, so that it can't reach the next call.
        client.Dispose();
        Volatile.Write(ref due, Never);
        Widen();
        (call, silences, ofTry) = (null, null, false);
        Pool.Return(this);
    }

    /// <summary>
    /// A timer that is set already is left alone where it comes soon enough: it looks again then. Setting it for each call
    /// and stopping it for each answer would cost more than all else here.
    /// </summary>
    private long Arm(long at)
    {
        // Either the timer that ticks now sees this time, or this sees that it has ticked.
        var before = Interlocked.Exchange(ref due, at);
        if (at < Volatile.Read(ref ticks))
        {
            Set(at);
        }
        return before;
    }

    private void Set(long at)
    {
        Interlocked.Exchange(ref ticks, at);
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
        var late = Late(seen);
        if (Environment.TickCount64 >= late)
        {
            End(seen);
            return;
        }
        Set(late);
        // The next call may have begun meanwhile, with less time than this one had left.
        if (Volatile.Read(ref due) is var now && now != seen && now < late)
        {
            Set(now);
        }
    }

    /// <summary>When the time is over, as far as can be told now.</summary>
    private long Late(long seen)
    {
        if (Volatile.Read(ref call) is not { } its)
        {
            return seen;
        }
        // While nobody waits for the upstream it isn't the upstream that is silent: the client takes nothing.
        return silences is not null && !its.Waits ? Environment.TickCount64 + allowed
            // A slow upload is no slow upstream: the time counts from the last piece that went out.
            : Math.Max(seen, its.LastProgress + allowed);
    }

    private void End(long seen)
    {
        Passed = true;
        // Not this call's time any more: its answer has begun meanwhile, and the next one's time is another.
        if (Interlocked.CompareExchange(ref due, Never, seen) != seen)
        {
            Passed = false;
            return;
        }
        if (Volatile.Read(ref call) is { } its)
        {
            its.BodyWasOwed = its.AwaitsBody;
            if (ofTry)
            {
                its.TryIsOver = true;
            }
            else
            {
                its.TimeIsOver = true;
            }
        }
        silences?.Add();
        source.Cancel();
    }

    private sealed class Keeping : PooledObjectPolicy<Deadline>
    {
        public override Deadline Create() => new();

        public override bool Return(Deadline ended)
        {
            if (!ended.Passed && ended.source.TryReset())
            {
                return true;
            }
            // Its source may be cancelling at this moment; the collector takes it.
            ended.timer.Dispose();
            return false;
        }
    }
}
