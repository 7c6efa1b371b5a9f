namespace Postern.Edge.Admitting;

/// <summary>
/// Refuses at once, but not without end. A client that asks again the moment it was refused gets as many refusals as the
/// machine can make, and each is CPU that other gates' callers wait for. So a thousand refusals go out at once and a thousand
/// more each second; one beyond that is held for a quarter of a second at most, which slows down whoever waits for it and
/// costs next to nothing. What is held lies in a wheel of slots that one timer turns, only while there is something in it.
/// </summary>
internal sealed class Pace(TimeProvider time)
{
    /// <summary>How many may be refused at once each second, and after a quiet one.</summary>
    public const int PerSecond = 1000;

    /// <summary>How many refusals may be held; past it they go out at once, because each also holds its request's memory.</summary>
    public const int MaxHeld = 10_000;

    private const int Slots = 25;

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);

    /// <summary>The longest that one is held.</summary>
    public static readonly TimeSpan Longest = Tick * Slots;

    private readonly Lock gate = new();
    private readonly List<TaskCompletionSource>[] wheel = [.. Enumerable.Range(0, Slots).Select(_ => new List<TaskCompletionSource>())];
    private readonly long second = time.TimestampFrequency;
    private readonly long tick = (long)(Tick.TotalSeconds * time.TimestampFrequency);
    private List<TaskCompletionSource> empty = [];
    private ITimer? timer;
    private bool running, turning;
    private long next, turned;
    private int at, spread, held;

    /// <summary>Refusals that are held.</summary>
    public int Held => Volatile.Read(ref held);

    /// <summary>Done when the refusal may go out.</summary>
    public Task TurnAsync()
    {
        lock (gate)
        {
            var now = time.GetTimestamp();
            // GCRA: next is when the last refusal would have gone out, had each waited for its turn.
            next = Math.Min(Math.Max(next, now) + second / PerSecond, now + second + Slots * tick);
            var early = next - second - now;
            if (early <= 0 || held == MaxHeld)
            {
                return Task.CompletedTask;
            }
            // Who came together and is all too early would go out together, and come again together: they are spread.
            var slots = early / tick < Slots ? (int)(early / tick) : Slots / 2 + (int)((uint)spread++ % (Slots / 2));
            var answer = new TaskCompletionSource();
            wheel[(at + slots) % Slots].Add(answer);
            held++;
            if (!running)
            {
                (running, turned) = (true, now);
                timer ??= time.CreateTimer(static pace => ((Pace)pace!).Turn(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                timer.Change(Tick, Tick);
            }
            return answer.Task;
        }
    }

    /// <summary>Answers those whose slot has come, one after the other on this thread: one each would cost more than the answers.</summary>
    private void Turn()
    {
        for (var answers = Begin(); answers is not null; answers = Due(answers))
        {
            foreach (var answer in answers)
            {
                answer.TrySetResult();
            }
        }
    }

    /// <summary>The first slot that is due; null for none, or where the timer came again while the last time's are answered.</summary>
    private List<TaskCompletionSource>? Begin()
    {
        lock (gate)
        {
            if (turning)
            {
                return null;
            }
            turning = true;
            return NextSlot();
        }
    }

    private List<TaskCompletionSource>? Due(List<TaskCompletionSource> answered)
    {
        lock (gate)
        {
            answered.Clear();
            empty = answered;
            return NextSlot();
        }
    }

    private List<TaskCompletionSource>? NextSlot()
    {
        // A timer is often late, and the whole wheel shall take no longer for it.
        if (held > 0 && time.GetTimestamp() - turned >= tick)
        {
            turned += tick;
            var answers = wheel[at];
            wheel[at] = empty;
            at = (at + 1) % Slots;
            held -= answers.Count;
            return answers;
        }
        turning = false;
        if (held == 0 && running)
        {
            running = false;
            timer!.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
        return null;
    }
}
