using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Edge.Authenticating.Introspecting;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authenticating.ApiKeys;

/// <summary>
/// The keys of one way that stand in a store which several gateways share. An answer is remembered for a few seconds, and
/// forgotten at once when the store says that the key has changed: the message makes it quick, the age makes it certain. A
/// key in use is asked about before its time is up, so that no request waits for it. While the store is gone, keys that
/// were good go on for a bounded time; the others get 503, never a pass.
/// </summary>
internal sealed partial class SharedKeys : IDisposable
{
    /// <summary>How long an answer holds, from when it was asked for. With the time that an answer may take it stays below 5 s.</summary>
    public static readonly TimeSpan Age = TimeSpan.FromSeconds(4);

    /// <summary>Good keys that are remembered, and as many others apart from them: no flood of unknown keys makes a good one forgotten.</summary>
    public const int MostKnown = 32 * 1024;

    /// <summary>Different keys that are asked about at once; those past it get 503. One client has at most a quarter.</summary>
    public const int MostQuestions = 1024;

    private static readonly TimeSpan Renewal = Age / 2;

    /// <summary>Looks for a store that was never there, four a second, before it is said that there is none.</summary>
    private const int Greetings = 4;

    /// <summary>How long a failure is enough of an answer for a key that was good.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    private readonly string way;
    private readonly RedisOptions redis;
    private readonly IKeyStoreProvider provider;
    private readonly TimeSpan outage;
    private readonly BoundedCache<Digest, Remembered> known;
    private readonly BoundedCache<Digest, Remembered> others;
    private readonly SingleFlight flights = new(MostQuestions);
    private readonly Outage failing = new();
    private readonly Dictionary<string, Counter> outcomes = [];
    private readonly Histogram duration;
    private readonly TaskCompletionSource<IKeyStore?> opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource stopped = new();
    private TimeProvider time = TimeProvider.System;
    private ILogger? logger;
    private volatile bool heard;
    private volatile int epoch;
    private int changes;

    public SharedKeys(string way, ApiKeyOptions options, RedisOptions redis, IKeyStoreProvider provider, MetricRegistry metrics, int mostKnown = MostKnown)
    {
        (this.way, this.redis, this.provider, outage) = (way, redis, provider, options.Outage);
        (known, others) = (new(mostKnown), new(mostKnown));
        foreach (var outcome in (string[])["good", "ended", "none", "damaged", "failed", "late", "busy"])
        {
            outcomes[outcome] = metrics.Counter("postern_api_key_lookups_total",
                "API keys that Redis had to be asked about, by what came of it; late ones went on although Redis couldn't say, busy ones were not asked about.", ("identity", way), ("outcome", outcome));
        }
        duration = metrics.Histogram("postern_api_key_lookup_duration_seconds", "How long Redis took to say whose an API key is.", ("identity", way));
    }

    /// <summary>What is known of a key: whose it is, or why it is refused.</summary>
    private sealed record Remembered(HeldKey? Key, KeyOptions? Entry, Verdict Refusal, long Asked, int Epoch)
    {
        public long Until;
        public int Renewing;
    }

    /// <summary>Why no key can be known yet; null once the store has answered.</summary>
    public string? NotReady => heard || stopped.IsCancellationRequested ? null : $"identity '{way}': Redis has not been asked for API keys yet, or has not answered";

    /// <summary>Opens the store; it connects in the background.</summary>
    public void Begin(TimeProvider time, ILogger logger)
    {
        (this.time, this.logger) = (time, logger);
        IKeyStore store;
        try
        {
            store = provider.Open(redis);
            store.Watch(Changed);
        }
        catch (Exception e) // It is another package's; what it can't open is a 503.
        {
            LogFails(logger, way, $"{e.GetType().Name}: {e.Message}");
            opened.SetResult(null);
            return;
        }
        opened.SetResult(store);
        _ = Task.Run(() => GreetAsync(store));
    }

    /// <summary>The consumer of a key that is known to be good now; null where it has to be judged.</summary>
    public Consumer? Find(in Digest digest)
    {
        if (known.Find(digest) is not { } last || last.Epoch != epoch || !last.Key!.Holds(time))
        {
            return null;
        }
        var now = time.GetTimestamp();
        if (now >= Volatile.Read(ref last.Until))
        {
            return null;
        }
        if (now >= After(last.Asked, Renewal) && Interlocked.Exchange(ref last.Renewing, 1) == 0)
        {
            Renew(digest);
        }
        return last.Key.Consumer;
    }

    /// <summary>Finds out whose the key is, by one question for all that ask at the same time.</summary>
    public ValueTask<Verdict> JudgeAsync(Digest digest, string client)
    {
        if (Recall(digest) is { } verdict)
        {
            return new(verdict);
        }
        if (flights.Join(digest, () => AskAsync(digest), Network.Of(client)) is { } flight)
        {
            return new(flight);
        }
        outcomes["busy"].Add();
        return new(Verdict.Unavailable($"{way}: as many keys as may be are being asked about", 1));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stopped.Cancel();
        _ = CloseAsync();
    }

    private void Renew(Digest digest) => _ = flights.Join(digest, () => AskAsync(digest));

    /// <summary>What was found out before and still holds.</summary>
    private Verdict? Recall(in Digest digest, bool due = false)
    {
        var now = time.GetTimestamp();
        if (known.Find(digest) is { } last && last.Epoch == epoch && now < (due ? Math.Min(After(last.Asked, Renewal), last.Until) : Volatile.Read(ref last.Until)))
        {
            return Said(last.Key!);
        }
        return others.Find(digest) is { } refused && refused.Epoch == epoch && now < refused.Until ? refused.Refusal : null;
    }

    private Verdict Said(HeldKey key) => key.Holds(time) ? Verdict.Known(key.Consumer) : Verdict.Refused(Failure.InvalidKey, null, key.Ended);

    private async Task<Verdict> AskAsync(Digest digest)
    {
        var store = await opened.Task;
        // Another question may have ended between this request's look and its own question.
        if (Recall(digest, due: true) is { } since)
        {
            return since;
        }
        var (asked, before, during) = (time.GetTimestamp(), epoch, Volatile.Read(ref changes));
        var hash = digest.ToString();
        KeyOptions? entry;
        try
        {
            entry = store is null ? throw new IOException("Redis can't be opened.") : await store.FindAsync(hash);
            duration.Record(time.GetTimestamp() - asked);
        }
        catch (InvalidDataException e)
        {
            Works();
            return Remember(digest, Damaged(hash, e.Message), asked, before, during);
        }
        catch (Exception e) // Whatever the store throws, nobody passes for it.
        {
            return Fail(digest, e);
        }
        Works();
        if (entry is null)
        {
            outcomes["none"].Add();
            return Remember(digest, Verdict.Refused(Failure.InvalidKey, null, "no such key"), asked, before, during);
        }
        return KeyEntry.Fault(entry, hash) is { } fault
            ? Remember(digest, Damaged(hash, fault), asked, before, during)
            : Remember(digest, entry, asked, before, during);
    }

    private Verdict Damaged(string hash, string fault)
    {
        outcomes["damaged"].Add();
        LogDamaged(logger!, way, hash, fault);
        return Verdict.Refused(Failure.InvalidKey, null, $"the entry of the key is damaged: {fault}");
    }

    private Verdict Remember(Digest digest, KeyOptions entry, long asked, int before, int during)
    {
        // The same consumer as before, for those who remember something of it.
        var held = known.Find(digest) is { } last && KeyOptions.Same(last.Entry!, entry) ? last.Key! : new HeldKey(entry, way);
        var verdict = Said(held);
        outcomes[verdict.Consumer is null ? "ended" : "good"].Add();
        if (verdict.Consumer is null)
        {
            return Remember(digest, verdict, asked, before, during);
        }
        Put(known, digest, new Remembered(held, entry, verdict, asked, before) { Until = After(asked, Age) }, during);
        others.Remove(digest);
        return verdict;
    }

    private Verdict Remember(Digest digest, Verdict refusal, long asked, int before, int during)
    {
        known.Remove(digest);
        Put(others, digest, new Remembered(null, null, refusal, asked, before) { Until = After(asked, Age) }, during);
        return refusal;
    }

    /// <summary>Remembers what was asked before anything changed, and nothing else: the answer may be from before the change.</summary>
    private void Put(BoundedCache<Digest, Remembered> cache, Digest digest, Remembered found, int during)
    {
        if (during == Volatile.Read(ref changes))
        {
            cache.Set(digest, found);
        }
        if (during != Volatile.Read(ref changes))
        {
            cache.Remove(digest);
        }
    }

    private Verdict Fail(Digest digest, Exception why)
    {
        outcomes["failed"].Add();
        var reason = why is TimeoutException ? $"Redis has not answered within {Scalars.Format(redis.Timeout)}" : why is IOException ? why.Message.TrimEnd('.') : why.GetType().Name;
        if (failing.Failed(time, 3))
        {
            LogFails(logger!, way, reason);
        }
        var now = time.GetTimestamp();
        // One that was changed is no longer among the known.
        if (known.Find(digest) is { } last && last.Key!.Holds(time) && Math.Max(After(last.Asked, outage), After(last.Asked, Age)) is var end && now < end)
        {
            outcomes["late"].Add();
            Volatile.Write(ref last.Until, Math.Max(last.Until, Math.Min(end, After(now, Rest))));
            Volatile.Write(ref last.Renewing, 0);
            return Verdict.Known(last.Key.Consumer);
        }
        return Verdict.Unavailable($"{way}: {reason}", 1);
    }

    private void Works()
    {
        heard = true;
        if (failing.Worked(time) is { } lasted)
        {
            LogBack(logger!, way, (long)lasted.TotalSeconds);
        }
    }

    private void Changed(string? hash)
    {
        Interlocked.Increment(ref changes);
        if (hash is null)
        {
            // Asked about again, all of them; and until they can be, they are what they were.
            Interlocked.Increment(ref epoch);
        }
        else if (Digest.TryParse(hash, out var digest))
        {
            known.Remove(digest);
            others.Remove(digest);
        }
    }

    /// <summary>Finds out whether the store is there, until it is.</summary>
    private async Task GreetAsync(IKeyStore store)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(250), time);
        try
        {
            while (!heard)
            {
                try
                {
                    await store.FindAsync(default(Digest).ToString());
                    Works();
                }
                catch (InvalidDataException)
                {
                    Works();
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // The first connection takes its time on a busy machine, and is no outage.
                    if (failing.Failed(time, Greetings))
                    {
                        LogFails(logger!, way, e.Message.TrimEnd('.'));
                    }
                    await timer.WaitForNextTickAsync(stopped.Token);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    private async Task CloseAsync()
    {
        if (!opened.Task.IsCompleted)
        {
            opened.TrySetResult(null);
        }
        var store = await opened.Task;
        try
        {
            // Requests of the last snapshot may still ask.
            await Task.Delay(redis.Timeout, TimeProvider.System, CancellationToken.None);
            if (store is IAsyncDisposable closes)
            {
                await closes.DisposeAsync();
            }
            else
            {
                (store as IDisposable)?.Dispose();
            }
        }
        catch (Exception) // It is given up anyway.
        {
        }
    }

    private long After(long then, TimeSpan span) => then + (long)(span.TotalSeconds * time.TimestampFrequency);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Identity {Way}: Redis can't be asked for API keys, so those that aren't known here get 503: {Problem}")]
    private static partial void LogFails(ILogger logger, string way, string problem);

    [LoggerMessage(Level = LogLevel.Information, Message = "Identity {Way}: Redis can be asked for API keys again, after {Seconds} s")]
    private static partial void LogBack(ILogger logger, string way, long seconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Identity {Way}: the key with the hash {Hash} is refused, because its entry in Redis is damaged: {Problem}")]
    private static partial void LogDamaged(ILogger logger, string way, string hash, string problem);
}
