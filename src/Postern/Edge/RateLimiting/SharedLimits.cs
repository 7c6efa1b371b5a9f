using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.RateLimiting;

/// <summary>
/// Decides limits through the store that several gateways share, and goes on without it. A request waits for the store no
/// longer than it may, and then this instance decides by itself, with its share of the limit: one part of as many as there
/// were instances. After a few failures in a row no request asks the store at all, until it answers a heartbeat again.
/// That many ran out of time at once is one failure: it may have been this process that stood still.
/// What was counted in one place is not known in the other, but whom the store has refused gets no more than comes back since then.
/// </summary>
internal sealed partial class SharedLimits : ILive
{
    /// <summary>How often this instance says that it lives, and tries whether the store does.</summary>
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>How long an instance counts after it was last heard of.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(4);

    /// <summary>How often the store is tried before it has answered for the first time.</summary>
    private static readonly TimeSpan AtFirst = TimeSpan.FromMilliseconds(20);

    /// <summary>How long a store that says nothing is waited for at the beginning; one that says that it isn't there, for a second.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);

    /// <summary>How soon the store is tried after it has failed.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(50);

    private const int Tolerated = 3;

    private readonly RedisOptions options;
    private readonly ILimitStoreProvider provider;
    private readonly LocalLimits local;
    private readonly Counter timeouts, errors;
    private readonly Histogram durations;
    private readonly Refusals refusals = new();
    private readonly CancellationTokenSource stopped = new();
    private readonly TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock turning = new();
    private ILogger? logger;
    private TimeProvider time = TimeProvider.System;
    private Comeback comeback = new(TimeProvider.System);
    private volatile OpenStore? open;
    private volatile Mode mode;
    private int failures, epoch, heardBefore = 1;
    private long firstFailure;

    /// <param name="options">Where the store is, and how long a request may wait for it.</param>
    /// <param name="provider">Opens it.</param>
    /// <param name="local">Counts where the store doesn't.</param>
    /// <param name="metrics">Where failures are counted.</param>
    public SharedLimits(RedisOptions options, ILimitStoreProvider provider, LocalLimits local, MetricRegistry metrics)
    {
        (this.options, this.provider, this.local) = (options, provider, local);
        const string Failures = "postern_rate_limit_store_failures_total";
        const string Help = "Questions to the store of shared limits that it did not answer, by why.";
        timeouts = metrics.Counter(Failures, Help, ("reason", "timeout"));
        errors = metrics.Counter(Failures, Help, ("reason", "error"));
        durations = metrics.Histogram("postern_rate_limit_store_duration_seconds", "How long the store of shared limits took to answer.");
    }

    private enum Mode { Beginning, Shared, Alone }

    /// <summary>How many instances share the limits, this one included.</summary>
    public int Instances { get; private set; } = 1;

    /// <summary>Whether the store decides.</summary>
    public bool IsUp => mode == Mode.Shared;

    /// <summary>The store, while it decides.</summary>
    public ILimitStore? Store => IsUp ? open?.Store : null;

    /// <summary>Traffic had better wait for the first answer, which comes in a moment or not at all: what is counted alone until then
    /// isn't counted in the store.</summary>
    public string? NotReady => mode == Mode.Beginning ? "the store of shared limits has not answered yet" : null;

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger)
    {
        (this.time, this.logger, comeback) = (time, logger, new Comeback(time));
        local.Shared = this;
        try
        {
            open = new OpenStore(provider.Open(options), new StoreCalls(this, options.Timeout, time));
        }
        catch (Exception e) // It is another package's; what it can't open costs no request.
        {
            Turn(Mode.Alone, e);
            return;
        }
        _ = Task.Run(BeatOnAsync);
    }

    /// <summary>Decides all limits of a plan for one key.</summary>
    public ValueTask<Taken> TakeAsync(CountedPlan plan, string key, int cost)
    {
        var now = open;
        if (mode == Mode.Shared && now is not null)
        {
            var began = time.GetTimestamp();
            // The store may have forgotten what it refused before it was gone, so the share bounds that too.
            LimitDecision? here = refusals.Find(plan, key, Volatile.Read(ref epoch), began, time) is { } known
                ? local.TakeShare(plan, key, cost, Instances, known, time.GetElapsedTime(known.At, began)) : null;
            return here is { Passes: false } refused ? new ValueTask<Taken>(new Taken(refused, true)) : AskAsync(now, plan, key, cost, began, here);
        }
        return mode == Mode.Beginning && now is not null ? BeginAsync(now, plan, key, cost) : new ValueTask<Taken>(Alone(plan, key, cost));
    }

    /// <summary>What is told where the store's answer makes no sense.</summary>
    public static Exception Nonsense() => new FormatException("an answer that makes no sense");

    /// <summary>Decides by this instance's share, and by what the store has refused.</summary>
    public Taken Alone(CountedPlan plan, string key, int cost)
    {
        var now = time.GetTimestamp();
        var known = refusals.Find(plan, key, null, now, time);
        return new Taken(local.TakeShare(plan, key, cost, Instances, known, known is null ? default : time.GetElapsedTime(known.At, now)), true);
    }

    /// <summary>Whether this instance's share bounds a caller whom the store has refused; then that is counted here.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="key">Whose.</param>
    /// <param name="refused">What still holds of the refusal.</param>
    public bool IsBound(CountedPlan plan, string key, out LimitDecision? refused)
    {
        var now = time.GetTimestamp();
        refused = null;
        if (refusals.Find(plan, key, IsUp ? Volatile.Read(ref epoch) : null, now, time) is not { } known)
        {
            return false;
        }
        var age = time.GetElapsedTime(known.At, now);
        local.Exhaust(plan, key, Instances, known, age);
        refused = known.Holds(int.MaxValue, age);
        return true;
    }

    /// <summary>What the store has refused holds no more; it was told itself.</summary>
    public void Forget(CountedPlan plan, string key) => refusals.Forget(plan, key);

    /// <summary>The store has answered a request in time.</summary>
    /// <param name="plan">What it was asked.</param>
    /// <param name="key">Of whom.</param>
    /// <param name="cost">For how much.</param>
    /// <param name="decision">What it said.</param>
    /// <param name="began">When it was asked.</param>
    /// <param name="since">The epoch in which it was asked.</param>
    /// <returns>Whether what it said makes sense.</returns>
    public bool Answered(CountedPlan plan, string key, int cost, in LimitDecision decision, long began, int since)
    {
        var now = time.GetTimestamp();
        durations.Record(now - began);
        if ((uint)decision.Tightest >= (uint)plan.Plan.Rules.Count)
        {
            return false;
        }
        if (Volatile.Read(ref failures) != 0)
        {
            Volatile.Write(ref failures, 0);
        }
        if (!decision.Passes)
        {
            refusals.Note(plan, key, cost, decision, since, now, time);
        }
        return true;
    }

    /// <summary>The store hasn't answered in time.</summary>
    /// <param name="since">The epoch in which it was asked.</param>
    public void TimedOut(int since)
    {
        timeouts.Add();
        Count(since, null);
    }

    /// <summary>The store couldn't answer.</summary>
    /// <param name="since">The epoch in which it was asked.</param>
    /// <param name="e">Why.</param>
    public void Failed(int since, Exception e)
    {
        (e is TimeoutException ? timeouts : errors).Add();
        Count(since, e);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stopped.Cancel();
        mode = Mode.Alone;
        begun.TrySetResult();
        Interlocked.CompareExchange(ref local.Shared, null, this);
        if (open is { } last)
        {
            open = null;
            _ = last.CloseAsync();
        }
    }

    private ValueTask<Taken> AskAsync(OpenStore now, CountedPlan plan, string key, int cost, long began, LimitDecision? here)
    {
        var since = Volatile.Read(ref epoch);
        ValueTask<LimitDecision> asked;
        try
        {
            asked = now.Store.TakeAsync(plan.Plan, key, cost);
            if (!asked.IsCompleted)
            {
                return now.Calls.WaitAsync(asked, plan, key, cost, began, since, here);
            }
            var decision = asked.GetAwaiter().GetResult();
            if (Answered(plan, key, cost, decision, began, since))
            {
                return new ValueTask<Taken>(new Taken(decision, false));
            }
            Failed(since, Nonsense());
        }
        catch (Exception e) // Whatever the store throws, the request is decided.
        {
            Failed(since, e);
        }
        return new ValueTask<Taken>(here is { } counted ? new Taken(counted, true) : Alone(plan, key, cost));
    }

    /// <summary>Waits for the store's first answer as long as a request may, and then for the decision as long as is left.</summary>
    private async ValueTask<Taken> BeginAsync(OpenStore now, CountedPlan plan, string key, int cost)
    {
        var began = time.GetTimestamp();
        try
        {
            await begun.Task.WaitAsync(options.Timeout, time);
        }
        catch (TimeoutException)
        {
            return Alone(plan, key, cost);
        }
        return mode == Mode.Shared ? await AskAsync(now, plan, key, cost, began, null) : Alone(plan, key, cost);
    }

    private void Count(int since, Exception? e)
    {
        // What was asked before the last turn says nothing of what is now.
        if (since != Volatile.Read(ref epoch))
        {
            return;
        }
        var inRow = Interlocked.Increment(ref failures);
        if (inRow == 1)
        {
            Volatile.Write(ref firstFailure, time.GetTimestamp());
        }
        if (inRow >= Tolerated && (e is not (null or TimeoutException) || time.GetElapsedTime(Volatile.Read(ref firstFailure)) >= options.Timeout * (Tolerated - 1)))
        {
            Turn(Mode.Alone, e);
        }
    }

    private void Turn(Mode to, Exception? why)
    {
        bool tell;
        lock (turning)
        {
            if (mode == to || stopped.IsCancellationRequested)
            {
                return;
            }
            if (mode == Mode.Alone)
            {
                refusals.Back(time.GetTimestamp());
            }
            tell = to == Mode.Alone ? comeback.Leave() : mode == Mode.Beginning || comeback.Return();
            Volatile.Write(ref failures, 0);
            Interlocked.Increment(ref epoch);
            mode = to;
        }
        begun.TrySetResult();
        if (tell)
        {
            Tell(to, why);
        }
        if (to == Mode.Alone && open is not null)
        {
            _ = ComeBackAsync();
        }
    }

    private void Tell(Mode to, Exception? why)
    {
        if (to == Mode.Shared)
        {
            LogShared(logger!, Instances);
        }
        else
        {
            LogAlone(logger!, Instances, why is null ? $"no answer within {Scalars.Format(options.Timeout)}" : $"{why.GetType().Name}: {why.Message}");
        }
    }

    /// <summary>A store that was slow for a moment is asked again soon, and one that stays away less and less often, until the heartbeat does.</summary>
    private async Task ComeBackAsync()
    {
        try
        {
            for (var pause = Soon; pause < Every && mode == Mode.Alone; pause *= 2)
            {
                await Task.Delay(pause, time, stopped.Token);
                await BeatAsync();
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task BeatOnAsync()
    {
        using var timer = new PeriodicTimer(Every, time);
        var (started, patience) = (time.GetTimestamp(), stopped.Token);
        try
        {
            while (mode == Mode.Beginning && await BeatAsync() is { } failure)
            {
                if (time.GetElapsedTime(started) >= (failure is TimeoutException ? Silence : Every))
                {
                    Turn(Mode.Alone, failure);
                }
                else
                {
                    await Task.Delay(AtFirst, time, patience);
                }
            }
            while (await timer.WaitForNextTickAsync(patience))
            {
                await BeatAsync();
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>Says that this instance lives. An answer in time brings the store back; none, or a late one, is a failure like any other.</summary>
    /// <returns>What failed.</returns>
    private async Task<Exception?> BeatAsync()
    {
        var (began, since) = (time.GetTimestamp(), Volatile.Read(ref epoch));
        try
        {
            var answer = open!.Store.BeatAsync(local.Instance, Lifetime).AsTask();
            // What comes too late is looked at all the same: a host may take a failure that nobody saw for a fault.
            _ = answer.ContinueWith(static late => late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            var alive = await answer.WaitAsync(Every, time, stopped.Token);
            // After a loss of its data the store hears of each instance within a second; until then it tells of fewer than there are.
            (Instances, heardBefore) = (Math.Max(Math.Max(alive, heardBefore), 1), alive);
        }
        catch (Exception e) when (e is not OperationCanceledException || !stopped.IsCancellationRequested)
        {
            // Until it has answered once it is being connected to, which takes a few attempts.
            if (mode != Mode.Beginning)
            {
                (e is TimeoutException ? timeouts : errors).Add();
            }
            if (mode == Mode.Shared)
            {
                Count(since, e);
            }
            return e;
        }
        if (mode == Mode.Beginning || time.GetElapsedTime(began) <= options.Timeout)
        {
            Volatile.Write(ref failures, 0);
            if (mode != Mode.Shared && (mode == Mode.Beginning || comeback.MayReturn()))
            {
                Turn(Mode.Shared, null);
            }
            else if (mode == Mode.Shared && comeback.Settles())
            {
                Tell(Mode.Shared, null);
            }
        }
        else
        {
            TimedOut(since);
        }
        return null;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Limits are counted in Redis, shared by {Instances} instance(s)")]
    private static partial void LogShared(ILogger logger, int instances);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Limits are counted by this instance alone, with its share of one in {Instances}: Redis fails ({Reason})")]
    private static partial void LogAlone(ILogger logger, int instances, string reason);
}
