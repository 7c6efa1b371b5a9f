using Microsoft.Extensions.ObjectPool;

namespace Postern.Backends.Composing;

/// <summary>
/// What all calls of one composition share: one deadline, the client that may leave, and how many bytes they may bring together.
/// One token cancels them all. A source that has less time than that is ended alone: until its answer begins by the upstream's own
/// deadline, within its body from here. Kept for the next request, because a token source and a timer for each would be dear.
/// </summary>
internal sealed class CallBounds
{
    private const int Kept = 512;
    private const long Never = long.MaxValue;
    private static readonly ObjectPool<CallBounds> Pool = new DefaultObjectPool<CallBounds>(new Keeping(), Kept);

    private readonly Lock gate = new();
    private readonly Timer timer;
    private readonly CancellationTokenSource source = new();
    private readonly List<SourceCall> bodies = [];
    private CancellationTokenRegistration client;
    private long due = Never, ticks = Never, bytes, freshUntil;
    private bool running, spoiled;

    private CallBounds() => timer = new Timer(static b => ((CallBounds)b!).Tick(), this, Timeout.Infinite, Timeout.Infinite);

    /// <summary>Cancelled when nobody waits for the calls any more.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>The time for all of them is over.</summary>
    public bool IsLate { get; private set; }

    /// <summary>When it is, as <see cref="Environment.TickCount64"/> counts.</summary>
    public long Due => due;

    /// <summary>Whether a call that begins now has nearly all of it: no other has taken much of it before.</summary>
    public bool AreFresh => Environment.TickCount64 <= freshUntil;

    /// <summary>The bounds of one request's calls.</summary>
    /// <param name="allowed">How long they may take together.</param>
    /// <param name="maxBytes">How many bytes they may bring together.</param>
    /// <param name="clientGone">Cancelled when the client leaves.</param>
    public static CallBounds Start(TimeSpan allowed, long maxBytes, CancellationToken clientGone)
    {
        var bounds = Pool.Get();
        lock (bounds.gate)
        {
            bounds.running = true;
            bounds.bytes = maxBytes;
            var (now, time) = (Environment.TickCount64, (long)allowed.TotalMilliseconds);
            (bounds.due, bounds.freshUntil) = (now + time, now + time / 10);
            bounds.Arm(bounds.due);
        }
        bounds.client = clientGone.UnsafeRegister(static b => ((CallBounds)b!).Drop(), bounds);
        return bounds;
    }

    /// <summary>Takes note of bytes that came; false where that was too many.</summary>
    public bool Take(int count) => Interlocked.Add(ref bytes, -count) >= 0;

    /// <summary>Nobody waits for the calls any more: all that are under way end.</summary>
    public void Drop()
    {
        lock (gate)
        {
            spoiled = true;
        }
        source.Cancel();
    }

    /// <summary>Ends a call within its body once its own time is over.</summary>
    public void Watch(SourceCall call)
    {
        lock (gate)
        {
            bodies.Add(call);
            Arm(call.Due);
        }
    }

    /// <summary>It needn't be watched any more.</summary>
    public void Unwatch(SourceCall call)
    {
        lock (gate)
        {
            bodies.Remove(call);
        }
    }

    /// <summary>Every call has ended. Says whether none of them can still be ended from here.</summary>
    public bool End()
    {
        // Waits for a cancellation that is running, so that it can't reach the next request.
        client.Dispose();
        lock (gate)
        {
            (running, due) = (false, Never);
            bodies.Clear();
        }
        var clean = !spoiled;
        Pool.Return(this);
        return clean;
    }

    /// <summary>A timer that is set already is left alone where it comes soon enough: it looks again then.</summary>
    private void Arm(long at)
    {
        if (at < ticks)
        {
            ticks = at;
            timer.Change(Math.Max(0, at - Environment.TickCount64), Timeout.Infinite);
        }
    }

    private void Tick()
    {
        List<SourceCall>? late = null;
        bool over;
        lock (gate)
        {
            ticks = Never;
            if (!running)
            {
                return;
            }
            var now = Environment.TickCount64;
            var next = due;
            foreach (var call in bodies)
            {
                if (now >= call.Due)
                {
                    (late ??= []).Add(call);
                }
                else
                {
                    next = Math.Min(next, call.Due);
                }
            }
            over = IsLate = now >= due;
            // What is ended from here on may end while the next request has begun: this one's bounds are nobody else's.
            spoiled |= over || late is not null;
            if (!over)
            {
                Arm(next);
            }
        }
        late?.ForEach(c => c.Expire());
        if (over)
        {
            source.Cancel();
        }
    }

    private sealed class Keeping : PooledObjectPolicy<CallBounds>
    {
        public override CallBounds Create() => new();

        public override bool Return(CallBounds ended)
        {
            if (!ended.spoiled && ended.source.TryReset())
            {
                return true;
            }
            ended.timer.Dispose();
            return false;
        }
    }
}
