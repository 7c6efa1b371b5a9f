using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>
/// Keys that an issuer publishes, fetched in the background: at once, then on a schedule; after a failure sooner. The last
/// good set serves on while no newer one can be had, for a bounded time. No request waits for the schedule; an unknown key
/// id makes it wait for one fetch that all such requests share, and after which there is none for a while.
/// </summary>
internal sealed partial class FetchedKeys : IKeySource
{
    /// <summary>For the whole answer of one server, redirects included.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    /// <summary>Between two fetches that unknown key ids cause.</summary>
    public static readonly TimeSpan Cooldown = TimeSpan.FromSeconds(30);

    /// <summary>The largest answer that is read.</summary>
    public const int MaxBytes = 512 * 1024;

    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(500), LongestPause = TimeSpan.FromSeconds(30);

    private readonly KeyLocation location;
    private readonly TimeSpan refresh;
    private readonly TimeSpan keep;
    private readonly string way;
    private readonly MetricRegistry metrics;
    private readonly Counter fetched;
    private readonly Counter failed;
    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim turn = new(1, 1);
    private readonly Lock gate = new();
    private TimeProvider time = TimeProvider.System;
    private ILogger logger = NullLogger.Instance;
    private Fetch? fetch;
    private volatile Dated? latest;
    private volatile string? problem;
    private Task refetch = Task.CompletedTask;
    private long? refetchedAt;
    private long nextAttempt;
    private string skipped = "";

    public FetchedKeys(KeyLocation location, JwtOptions options, string way, MetricRegistry metrics)
    {
        (this.location, refresh, keep, this.way, this.metrics) = (location, options.Refresh, options.KeepKeys, way, metrics);
        Counter Outcome(string outcome) => metrics.Counter("postern_key_fetches_total", "Fetches of an issuer's key set, by what came of them.", ("identity", way), ("outcome", outcome));
        (fetched, failed) = (Outcome("ok"), Outcome("failed"));
    }

    public string? NotReady => Current is not null ? null
        : $"identity '{way}': no keys {(latest is null ? "yet" : "any more")} from {location}{(problem is { } why ? $": {why}" : "")}";

    public int RetryAfter => (int)Math.Clamp(Math.Ceiling(time.GetElapsedTime(time.GetTimestamp(), Volatile.Read(ref nextAttempt)).TotalSeconds) + 1, 1, 60);

    public bool HasKeys => Current is not null;

    /// <summary>The set that serves now; null where there is none yet, or the last one is too old.</summary>
    private Dated? Current => latest is { } set && Age(set) <= keep ? set : null;

    public void Start(TimeProvider time, ILogger logger)
    {
        (this.time, this.logger) = (time, logger);
        fetch = new Fetch(time, Timeout, MaxBytes);
        nextAttempt = time.GetTimestamp();
        metrics.Gauge("postern_keys_age_seconds", "Time since an issuer's key set was last fetched; NaN where it never was.", () => stop.IsCancellationRequested || latest is not { } set ? double.NaN : Age(set).TotalSeconds, ("identity", way));
        metrics.Gauge("postern_keys", "Keys of an issuer that tokens are verified with.", () => stop.IsCancellationRequested || Current is not { } set ? 0 : set.Keys.Keys.Count, ("identity", way));
        // Not as part of whatever starts it: that may be a request to the admin API.
        ThreadPool.UnsafeQueueUserWorkItem(static keys => _ = keys.RunAsync(), this, preferLocal: false);
    }

    public VerificationKey? Find(string? kid, string algorithm) => Current?.Keys.Find(kid, algorithm);

    public Task RefetchAsync()
    {
        lock (gate)
        {
            if (!refetch.IsCompleted || fetch is null || stop.IsCancellationRequested || (refetchedAt is { } at && time.GetElapsedTime(at) < Cooldown))
            {
                return refetch;
            }
            refetchedAt = time.GetTimestamp();
            var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            refetch = begun.Task;
            // Nobody's: who asked may leave, the others still get their keys.
            ThreadPool.UnsafeQueueUserWorkItem(static call => _ = call.Keys.RefetchAsync(call.Begun), (Keys: this, Begun: begun), preferLocal: false);
            return refetch;
        }
    }

    public void Dispose()
    {
        stop.Cancel();
        fetch?.Dispose();
    }

    private async Task RefetchAsync(TaskCompletionSource begun)
    {
        try
        {
            await FetchAsync().ConfigureAwait(false);
        }
        finally
        {
            begun.SetResult();
        }
    }

    private async Task RunAsync()
    {
        try
        {
            for (var failures = 0; !stop.IsCancellationRequested;)
            {
                failures = await FetchAsync().ConfigureAwait(false) ? 0 : failures + 1;
                var pause = Pause(failures);
                Volatile.Write(ref nextAttempt, time.GetTimestamp() + (long)(pause.TotalSeconds * time.TimestampFrequency));
                await Task.Delay(pause, time, stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    /// <summary>A schedule that gateways started together don't keep together; after failures short pauses that grow.</summary>
    private TimeSpan Pause(int failures)
    {
        if (failures == 0)
        {
            var next = refresh * (0.9 + (0.2 * Random.Shared.NextDouble()));
            // Where keys are kept hardly longer than that, a late turn must not end them.
            return next < keep * 0.9 ? next : keep * 0.9;
        }
        var pause = Math.Min(ShortestPause.TotalSeconds * Math.Pow(2, Math.Min(failures - 1, 16)), LongestPause.TotalSeconds) * (0.8 + (0.4 * Random.Shared.NextDouble()));
        pause = Math.Min(pause, refresh.TotalSeconds);
        // What the old set verified must not outlive it by a pause.
        return TimeSpan.FromSeconds(Current is { } set ? Math.Min(pause, Math.Max((keep - Age(set)).TotalSeconds, 0) + 0.001) : pause);
    }

    /// <summary>Fetches once, after whoever is at it. Whether there is a new set.</summary>
    private async Task<bool> FetchAsync()
    {
        await turn.WaitAsync(stop.Token).ConfigureAwait(false);
        try
        {
            var (keys, wrong) = await AskAsync().ConfigureAwait(false);
            if (stop.IsCancellationRequested)
            {
                return false;
            }
            if (keys is null)
            {
                Fail(wrong!);
                return false;
            }
            Take(keys);
            return true;
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<(KeySet? Keys, string? Problem)> AskAsync()
    {
        try
        {
            return await location.FetchAsync(fetch!, latest?.Live ?? [], stop.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // A schedule that an unforeseen answer ends would end silently, a day before the keys do.
            if (!stop.IsCancellationRequested)
            {
                LogFault(logger, e, way);
            }
            return (null, "its answer can't be used");
        }
    }

    private void Take(KeySet keys)
    {
        fetched.Add();
        var before = latest;
        var recovered = problem is not null;
        (latest, problem) = (new Dated(keys, time.GetTimestamp()), null);
        var changed = before is null || before.Keys.Keys.Count != keys.Keys.Count || keys.Keys.Except(before.Keys.Keys).Any();
        foreach (var key in before?.Keys.Keys ?? [])
        {
            if (!keys.Keys.Contains(key))
            {
                key.Retire();
            }
        }
        if (recovered)
        {
            LogRecovered(logger, way, location);
        }
        if (changed)
        {
            LogKeys(logger, way, string.Join(", ", keys.Keys.Select(k => k.Id.Length > 0 ? Quotable.Of(k.Id) : "one without kid")));
        }
        if (string.Join("; ", keys.Skipped) is var notes && notes != skipped)
        {
            skipped = notes;
            if (notes.Length > 0)
            {
                LogSkipped(logger, way, location, notes);
            }
        }
    }

    private void Fail(string wrong)
    {
        failed.Add();
        var began = problem is null;
        problem = wrong;
        if (began)
        {
            LogFailing(logger, way, location, wrong, latest is { } set ? $"the last good keys serve on for {(keep - Age(set)).TotalMinutes:0} min" : "there are none yet");
        }
        if (latest is { } old && Current is null && !old.Keys.Keys[0].Retired)
        {
            LogExpired(logger, way, keep, location, wrong);
            foreach (var key in old.Keys.Keys)
            {
                key.Retire();
            }
        }
    }

    private TimeSpan Age(Dated set) => time.GetElapsedTime(set.At);

    /// <summary>A set and when it was fetched.</summary>
    private sealed record Dated(KeySet Keys, long At)
    {
        /// <summary>Those that are still believed: once retired, a key is made anew.</summary>
        public IReadOnlyList<VerificationKey> Live => [.. Keys.Keys.Where(k => !k.Retired)];
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Identity '{Way}': its keys can't be fetched from {Location}: {Problem}; {State}")]
    private static partial void LogFailing(ILogger logger, string way, KeyLocation location, string problem, string state);

    [LoggerMessage(Level = LogLevel.Error, Message = "Identity '{Way}': its keys could not be fetched for {Keep} and are believed no longer; {Location}: {Problem}")]
    private static partial void LogExpired(ILogger logger, string way, TimeSpan keep, KeyLocation location, string problem);

    [LoggerMessage(Level = LogLevel.Information, Message = "Identity '{Way}': its keys can be fetched from {Location} again")]
    private static partial void LogRecovered(ILogger logger, string way, KeyLocation location);

    [LoggerMessage(Level = LogLevel.Information, Message = "Identity '{Way}': keys that verify its tokens now: {Keys}")]
    private static partial void LogKeys(ILogger logger, string way, string keys);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Identity '{Way}': keys at {Location} that are not used: {Skipped}")]
    private static partial void LogSkipped(ILogger logger, string way, KeyLocation location, string skipped);

    [LoggerMessage(Level = LogLevel.Error, Message = "Identity '{Way}': fetching its keys failed")]
    private static partial void LogFault(ILogger logger, Exception fault, string way);
}
