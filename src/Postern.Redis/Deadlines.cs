using System.Collections.Concurrent;
using System.Diagnostics;

namespace Postern.Redis;

/// <summary>Ends the wait for questions whose time is up: one timer for all of them, which runs while there are any.</summary>
internal sealed class Deadlines : IDisposable
{
    // A wait ends at most this part of it early, and never late.
    private const int Parts = 8;

    private readonly ConcurrentQueue<IAwaited> waiting = [];
    private readonly long longest;
    private readonly TimeSpan period;
    private readonly Timer timer;
    private int running;

    /// <param name="timeout">How long each is waited for at most.</param>
    public Deadlines(TimeSpan timeout)
    {
        period = timeout / Parts;
        longest = (long)((timeout - period).TotalSeconds * Stopwatch.Frequency);
        // What is asked in an execution context must not live on in the timer.
        using (ExecutionContext.SuppressFlow())
        {
            timer = new Timer(static self => ((Deadlines)self!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Watches a question. They come in the order in which they are asked.</summary>
    public void Add(IAwaited question)
    {
        waiting.Enqueue(question);
        if (Volatile.Read(ref running) == 0 && Interlocked.Exchange(ref running, 1) == 0)
        {
            timer.Change(period, period);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => timer.Dispose();

    private void Sweep()
    {
        var now = Stopwatch.GetTimestamp();
        while (waiting.TryPeek(out var next) && (next.IsDone || now - next.Asked >= longest))
        {
            // Two sweeps may meet; then each takes what it gets.
            if (waiting.TryDequeue(out next))
            {
                if (now - next.Asked >= longest)
                {
                    next.Expire();
                }
                else if (!next.IsDone)
                {
                    waiting.Enqueue(next);
                }
            }
        }
        if (waiting.IsEmpty)
        {
            timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            Volatile.Write(ref running, 0);
            if (!waiting.IsEmpty && Interlocked.Exchange(ref running, 1) == 0)
            {
                timer.Change(period, period);
            }
        }
    }
}
