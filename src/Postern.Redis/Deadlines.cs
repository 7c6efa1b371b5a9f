using System.Collections.Concurrent;

namespace Postern.Redis;

/// <summary>
/// Ends the wait for questions whose time is up: one timer for all of them, which runs while there are any. It counts its own
/// ticks rather than the clock's. While this process gets no processor, no answer can be taken either, though it may have been
/// there for long; and that says nothing of Redis.
/// </summary>
internal sealed class Deadlines : IDisposable
{
    // A wait ends at most this part of it early, or a millisecond, and never late but for the machine's own delays.
    private const int Parts = 8;

    private readonly ConcurrentQueue<(IAwaited Question, long Since)> waiting = [];
    private readonly TimeSpan period;
    private readonly int lasts;
    private readonly Timer timer;
    private long ticks;
    private int running;

    /// <param name="timeout">How long each is waited for at most.</param>
    public Deadlines(TimeSpan timeout)
    {
        // Timers count whole milliseconds and cut off the rest, so a part of less than one would be no time at all.
        period = TimeSpan.FromMilliseconds(Math.Max(1, Math.Floor(timeout.TotalMilliseconds / Parts)));
        lasts = Math.Max(1, (int)(timeout / period));
        // What is asked in an execution context must not live on in the timer.
        using (ExecutionContext.SuppressFlow())
        {
            timer = new Timer(static self => ((Deadlines)self!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Watches a question.</summary>
    public void Add(IAwaited question)
    {
        waiting.Enqueue((question, Volatile.Read(ref ticks)));
        Run();
    }

    /// <inheritdoc/>
    public void Dispose() => timer.Dispose();

    private void Run()
    {
        if (Volatile.Read(ref running) == 0 && Interlocked.Exchange(ref running, 1) == 0)
        {
            SetTimer();
        }
    }

    // For one tick at a time: those of a timer that repeats itself pile up while no thread is free, and would then come all at once.
    private void SetTimer()
    {
        try
        {
            timer.Change(period, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // The end.
        }
    }

    private void Tick()
    {
        var now = Interlocked.Increment(ref ticks);
        while (waiting.TryPeek(out var next) && (next.Question.IsDone || now - next.Since >= lasts) && waiting.TryDequeue(out next))
        {
            next.Question.Expire();
        }
        if (!waiting.IsEmpty)
        {
            SetTimer();
            return;
        }
        Volatile.Write(ref running, 0);
        if (!waiting.IsEmpty)
        {
            Run();
        }
    }
}
