using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Postern.Edge.RateLimiting;

/// <summary>
/// Questions to a store, each with a time after which it is given up: whoever comes first, answer or time, decides the
/// request. All may take the same time, so the first to be asked is the first that is due, and one timer does for all; the
/// objects are used again once both have come. So waiting allocates nothing.
/// </summary>
internal sealed class StoreCalls : IDisposable
{
    private const int MostIdle = 4096;
    private const int Looks = 4;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(5);

    private readonly SharedLimits limits;
    private readonly TimeSpan timeout;
    private readonly TimeProvider time;
    private readonly ConcurrentQueue<Call> idle = [];
    private readonly Lock gate = new();
    private readonly Queue<(Call Call, long Turn, long Began)> waiting = [];
    private readonly ITimer timer;
    private bool armed;
    private int looks;

    public StoreCalls(SharedLimits limits, TimeSpan timeout, TimeProvider time)
    {
        (this.limits, this.timeout, this.time) = (limits, timeout, time);
        timer = time.CreateTimer(static calls => ((StoreCalls)calls!).GiveUp(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Waits for an answer that hasn't come yet.</summary>
    public ValueTask<Taken> WaitAsync(ValueTask<LimitDecision> asked, CountedPlan plan, string key, int cost, long began, int epoch, LimitDecision? here) =>
        (idle.TryDequeue(out var call) ? call : new Call(this)).WaitAsync(asked, plan, key, cost, began, epoch, here);

    /// <inheritdoc/>
    public void Dispose()
    {
        // What still waits is decided now.
        while (Next(due: false) is { } last)
        {
            last.Call.GiveUp(last.Turn);
        }
        timer.Dispose();
    }

    private void Add(Call call, long turn, long began)
    {
        lock (gate)
        {
            DropDone();
            waiting.Enqueue((call, turn, began));
            if (!armed)
            {
                armed = true;
                Arm(timeout - time.GetElapsedTime(began));
            }
        }
    }

    private void GiveUp()
    {
        while (Next(due: true) is { } late)
        {
            late.Call.GiveUp(late.Turn);
        }
    }

    private (Call Call, long Turn)? Next(bool due)
    {
        lock (gate)
        {
            DropDone();
            if (!waiting.TryPeek(out var first))
            {
                armed = false;
                looks = 0;
                return null;
            }
            var left = timeout - time.GetElapsedTime(first.Began);
            if (due && left > TimeSpan.Zero)
            {
                looks = 0;
                Arm(left);
                return null;
            }
            // A timer that comes late has waited for a thread, and so has an answer that may have been here for long.
            if (due && left < -Look && looks++ < Looks)
            {
                Arm(Look);
                return null;
            }
            waiting.Dequeue();
            return (first.Call, first.Turn);
        }
    }

    private void DropDone()
    {
        while (waiting.TryPeek(out var first) && first.Call.IsDone(first.Turn))
        {
            waiting.Dequeue();
        }
    }

    // Timers count whole milliseconds, and one that comes too early would have to be set again.
    private void Arm(TimeSpan time) => timer.Change(TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(time.TotalMilliseconds))), Timeout.InfiniteTimeSpan);

    private sealed class Call : IValueTaskSource<Taken>
    {
        private readonly StoreCalls calls;
        private readonly Action answered;
        private ManualResetValueTaskSourceCore<Taken> source;
        private ConfiguredValueTaskAwaitable<LimitDecision>.ConfiguredValueTaskAwaiter answer;
        private CountedPlan? plan;
        private string key = "";
        private int cost, epoch;
        private long began;
        // What this instance has decided and counted already.
        private LimitDecision? here;
        // Twice the number of the question, and one more once it is decided.
        private long state;
        // The request and the store: only when both have let go is the object free.
        private int holders;

        public Call(StoreCalls calls)
        {
            this.calls = calls;
            answered = OnAnswered;
        }

        public bool IsDone(long turn) => Volatile.Read(ref state) != turn * 2;

        public ValueTask<Taken> WaitAsync(ValueTask<LimitDecision> asked, CountedPlan plan, string key, int cost, long began, int epoch, LimitDecision? here)
        {
            (this.plan, this.key, this.cost, this.began, this.epoch, this.here) = (plan, key, cost, began, epoch, here);
            answer = asked.ConfigureAwait(false).GetAwaiter();
            holders = 2;
            var turn = state / 2 + 1;
            var waits = new ValueTask<Taken>(this, source.Version);
            Volatile.Write(ref state, turn * 2);
            calls.Add(this, turn, began);
            answer.UnsafeOnCompleted(answered);
            return waits;
        }

        /// <summary>The time has come, unless the answer has.</summary>
        public void GiveUp(long turn)
        {
            if (Interlocked.CompareExchange(ref state, turn * 2 + 1, turn * 2) == turn * 2)
            {
                calls.limits.TimedOut(epoch);
                // Many are given up at once, and each request has its own work to go on with.
                source.RunContinuationsAsynchronously = true;
                Decide();
            }
        }

        private void OnAnswered()
        {
            var (decision, failure) = (default(LimitDecision), (Exception?)null);
            try
            {
                decision = answer.GetResult();
            }
            catch (Exception e) // Whatever the store throws, and however late.
            {
                failure = e;
            }
            answer = default;
            var turn = state / 2;
            if (Interlocked.CompareExchange(ref state, turn * 2 + 1, turn * 2) == turn * 2)
            {
                source.RunContinuationsAsynchronously = false;
                if (failure is null && calls.limits.Answered(plan!, key, cost, decision, began, epoch))
                {
                    source.SetResult(new Taken(decision, false));
                }
                else
                {
                    calls.limits.Failed(epoch, failure ?? SharedLimits.Nonsense());
                    Decide();
                }
            }
            LetGo();
        }

        private void Decide()
        {
            Taken taken;
            try
            {
                taken = here is { } counted ? new Taken(counted, true) : calls.limits.Alone(plan!, key, cost);
            }
            catch (Exception e) // The request must not wait for ever, whatever happens.
            {
                source.SetException(e);
                return;
            }
            source.SetResult(taken);
        }

        public Taken GetResult(short token)
        {
            try
            {
                return source.GetResult(token);
            }
            finally
            {
                LetGo();
            }
        }

        public ValueTaskSourceStatus GetStatus(short token) => source.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            source.OnCompleted(continuation, state, token, flags);

        private void LetGo()
        {
            if (Interlocked.Decrement(ref holders) == 0)
            {
                (plan, key, here) = (null, "", null);
                source.Reset();
                if (calls.idle.Count < MostIdle)
                {
                    calls.idle.Enqueue(this);
                }
            }
        }
    }
}
