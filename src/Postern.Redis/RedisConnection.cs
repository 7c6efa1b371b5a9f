using System.Diagnostics;
using System.Net;
using System.Security.Authentication;
using Postern.Config;
using StackExchange.Redis;

namespace Postern.Redis;

/// <summary>
/// The way to one Redis, which everything in the process shares that asks it: one connection, many questions on their way at
/// once. Connects in the background and for as long as it takes. Once Redis is known to be down nobody waits for it any more:
/// only this asks it whether it is back, and it is when it has done a small piece of work in time.
/// </summary>
internal sealed class RedisConnection : IAsyncDisposable
{
    /// <summary>Between two looks at a Redis that is down.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(250);

    /// <summary>A client that has found no way back for so long is replaced.</summary>
    private static readonly TimeSpan Fruitless = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);

    /// <summary>A first connection that takes longer is asked why, for soon it will have to be said.</summary>
    private static readonly TimeSpan Swift = TimeSpan.FromMilliseconds(300);

    private const string NotYet = "isn't connected yet";

    private static readonly Dictionary<(string?, string, TimeSpan), RedisConnection> Shared = [];

    private readonly (string?, string, TimeSpan) name;
    private readonly RedisUrl url;
    private readonly RedisKey[] probed;
    private readonly Deadlines deadlines;
    private readonly TaskCompletionSource firstLook = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim doubt = new(0);
    private readonly CancellationTokenSource ending = new();
    private readonly List<Listener> listeners = [];
    private Task tending = Task.CompletedTask;
    private ConnectionMultiplexer? client;
    private IDatabase? database;
    private long clientSince;
    private bool replace;
    private string? down = NotYet;
    private EndPoint[] elsewhere = [];
    private Passage? passage;
    private int doubted;
    private long lastAnswer;
    private int users;

    private RedisConnection((string?, string, TimeSpan) name, RedisOptions options)
    {
        this.name = name;
        url = RedisUrl.Parse(options.Url ?? "", out var problem) ?? throw new ArgumentException(problem, nameof(options));
        probed = [KeyNames.Probe(options.Prefix)];
        deadlines = new Deadlines(options.Timeout);
        Timeout = options.Timeout;
    }

    /// <summary>How long anything is waited for at most.</summary>
    public TimeSpan Timeout { get; }

    /// <summary>Where it is, for messages.</summary>
    public string Place => url.Place;

    /// <summary>Why nothing is asked now; null where it is.</summary>
    public string? Down => Volatile.Read(ref down) is { } why ? $"Redis at {Place} {why}." : null;

    /// <summary>The connection to that Redis, or the one that is there already. Returns at once. Each share is to be disposed.</summary>
    public static RedisConnection Share(RedisOptions options)
    {
        var name = (options.Url, options.Prefix, options.Timeout);
        lock (Shared)
        {
            if (!Shared.TryGetValue(name, out var connection))
            {
                Shared[name] = connection = new RedisConnection(name, options);
                // Not in the caller's context, nor on its thread: the client blocks here and there.
                using (ExecutionContext.SuppressFlow())
                {
                    connection.tending = Task.Run(connection.TendAsync);
                }
            }
            connection.users++;
            return connection;
        }
    }

    /// <summary>Runs a script.</summary>
    /// <param name="script">The script.</param>
    /// <param name="keys">The keys that it touches, all in one slot.</param>
    /// <param name="values">Its other arguments.</param>
    /// <param name="read">Reads the answer; what it can't read is a <see cref="FormatException"/>.</param>
    /// <param name="state">For <paramref name="read"/>.</param>
    /// <exception cref="IOException">Redis is known to be down, or can't do it.</exception>
    /// <exception cref="TimeoutException">It didn't answer in time.</exception>
    public ValueTask<T> AskAsync<T>(Script script, RedisKey[] keys, RedisValue[] values, Func<byte[], object?, T> read, object? state)
    {
        var question = new Question<T>(this, script, keys, values, read, state);
        if (Volatile.Read(ref down) is null)
        {
            question.Ask(database!);
        }
        else if (!firstLook.Task.IsCompleted)
        {
            // Nobody knows yet, so it may be waited for.
            _ = firstLook.Task.ContinueWith(_ => Ask(question), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
        else
        {
            return ValueTask.FromException<T>(new IOException(Down));
        }
        deadlines.Add(question);
        return question.Answer;
    }

    /// <summary>Asks, or says why it can't be asked.</summary>
    public void Ask<T>(Question<T> question)
    {
        if (Down is { } why)
        {
            question.Fail(new IOException(why));
        }
        else if (!question.IsDone)
        {
            question.Ask(database!);
        }
    }

    /// <summary>Hears what is said in a channel, on every connection from now on; each time it begins to hear, it is told null, for what was said before is lost.</summary>
    public IDisposable Listen(string channel, Action<string?> heard)
    {
        var listener = new Listener(listeners, new RedisChannel(channel, RedisChannel.PatternMode.Literal), heard);
        lock (listeners)
        {
            listeners.Add(listener);
            if (client is { } now)
            {
                _ = listener.JoinAsync(now);
            }
        }
        return listener;
    }

    /// <summary>An answer has come.</summary>
    public void Answered() => Volatile.Write(ref lastAnswer, Stopwatch.GetTimestamp());

    /// <summary>What was asked then has no answer, though its time is up.</summary>
    public void Unanswered(long asked)
    {
        if (Volatile.Read(ref lastAnswer) < asked)
        {
            firstLook.TrySetResult();
            Doubt();
        }
    }

    /// <summary>What the client or Redis said, as those who asked are told it.</summary>
    public IOException Explain(Exception e)
    {
        Doubt();
        return new IOException($"Redis at {Place} {Diagnosis.Of(e)}.");
    }

    /// <summary>Gives back a share; with the last one the connection ends.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (Shared)
        {
            if (--users > 0)
            {
                return;
            }
            Shared.Remove(name);
        }
        await ending.CancelAsync();
        await tending;
        deadlines.Dispose();
        doubt.Dispose();
        ending.Dispose();
    }

    /// <summary>Has it looked at, soon.</summary>
    private void Doubt()
    {
        if (Interlocked.Exchange(ref doubted, 1) == 0)
        {
            try
            {
                doubt.Release();
            }
            catch (ObjectDisposedException)
            {
                // The last answers come after the end.
            }
        }
    }

    private async Task TendAsync()
    {
        try
        {
            _ = SayWhyNotYetAsync();
            while (true)
            {
                if (await LookAsync())
                {
                    firstLook.TrySetResult();
                }
                if (!replace)
                {
                    await doubt.WaitAsync(down is null ? System.Threading.Timeout.InfiniteTimeSpan : Pace, ending.Token);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
        Volatile.Write(ref down, "is no longer used");
        firstLook.TrySetResult();
        Drop();
        passage?.Dispose();
    }

    /// <summary>Finds out whether it works.</summary>
    /// <returns>False where it doesn't, and nothing is wrong with Redis: the next look may see more, and who has patience waits for it.</returns>
    private async Task<bool> LookAsync()
    {
        Volatile.Write(ref doubted, 0);
        var fresh = client is null || replace || (down is not null && Stopwatch.GetElapsedTime(clientSince) > Fruitless);
        replace = false;
        try
        {
            if (fresh)
            {
                Drop();
                await ConnectAsync();
            }
            var began = Stopwatch.GetTimestamp();
            await ProbeAsync();
            if (Stopwatch.GetElapsedTime(began) > Timeout)
            {
                // The first one compiles what it runs.
                began = Stopwatch.GetTimestamp();
                await ProbeAsync();
            }
            if (Stopwatch.GetElapsedTime(began) > Timeout)
            {
                Fall("answers too slowly");
                return true;
            }
            Volatile.Write(ref down, null);
            // The passage leads to one node.
            elsewhere = passage is null ? [.. client!.GetEndPoints().Where(e => !e.Equals(At(url)))] : [];
            return true;
        }
        catch (Exception e) when (!ending.IsCancellationRequested) // Whatever the client throws, the next look comes.
        {
            var connected = client is { IsConnected: true };
            var why = connected && passage is null ? Diagnosis.Of(e) : await Diagnosis.OfAsync(url, ConnectTimeout, ending.Token);
            // Nothing is wrong with Redis, so a new connection does it, and sooner than the client would find out.
            replace = why is null && !fresh && !connected;
            Fall(why ?? Diagnosis.Of(e));
            return why is not null || connected;
        }
    }

    private async Task SayWhyNotYetAsync()
    {
        try
        {
            await Task.Delay(Swift, ending.Token);
            if (ReferenceEquals(Volatile.Read(ref down), NotYet) && await Diagnosis.OfAsync(url, Swift, ending.Token) is { } why)
            {
                Interlocked.CompareExchange(ref down, why, NotYet);
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    private void Fall(string why)
    {
        if (down is null)
        {
            clientSince = Stopwatch.GetTimestamp();
        }
        Volatile.Write(ref down, why);
    }

    private async Task ConnectAsync()
    {
        clientSince = Stopwatch.GetTimestamp();
        if (passage is null && await Passage.IsNeededAsync(url, ending.Token))
        {
            passage = new Passage(url);
        }
        var fresh = await ConnectionMultiplexer.ConnectAsync(Options()).WaitAsync(ending.Token);
        if (!fresh.IsConnected && elsewhere.Length > 0)
        {
            // The node of the cluster that the URL names is the one that is gone.
            Close(fresh);
            var options = Options();
            Array.ForEach(elsewhere, options.EndPoints.Add);
            fresh = await ConnectionMultiplexer.ConnectAsync(options).WaitAsync(ending.Token);
        }
        fresh.ConnectionFailed += (_, e) =>
        {
            if (e.ConnectionType == ConnectionType.Interactive)
            {
                Doubt();
            }
        };
        fresh.ConnectionRestored += (_, e) =>
        {
            if (e.ConnectionType == ConnectionType.Subscription)
            {
                Missed();
            }
        };
        lock (listeners)
        {
            client = fresh;
            listeners.ForEach(l => _ = l.JoinAsync(fresh));
        }
        Volatile.Write(ref database, fresh.GetDatabase(url.Database));
    }

    private async Task ProbeAsync()
    {
        // In full: small enough, and then it needn't care what scripts Redis knows.
        var answer = database!.ExecuteAsync("EVAL", Script.Probe.Text, 1, probed[0]);
        // Nobody is there to see what comes too late.
        _ = answer.ContinueWith(static late => late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        await answer.WaitAsync(down is null ? Timeout : ConnectTimeout, ending.Token);
        // The client's thread has answers to hand out.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        Answered();
    }

    /// <summary>Nobody knows what was said while there was no connection.</summary>
    private void Missed()
    {
        Listener[] now;
        lock (listeners)
        {
            now = [.. listeners];
        }
        Array.ForEach(now, l => l.Hear(default));
    }

    private void Drop()
    {
        if (client is { } old)
        {
            client = null;
            Close(old);
        }
    }

    /// <summary>Elsewhere: it may block until what is on its way is done.</summary>
    private static void Close(ConnectionMultiplexer old) => _ = Task.Run(() =>
    {
        try
        {
            old.Dispose();
        }
        catch (Exception) // It was of no use anyway.
        {
        }
    });

    private ConfigurationOptions Options() => new()
    {
        EndPoints = { passage is null ? At(url) : new IPEndPoint(IPAddress.Loopback, passage.Port) },
        Password = passage?.Password ?? url.Password,
        Ssl = url.Tls && passage is null,
        SslHost = url.Tls ? url.Host : null,
        SslProtocols = url.Tls ? SslProtocols.Tls12 | SslProtocols.Tls13 : null,
        DefaultDatabase = url.Database,
        ClientName = "postern",
        AbortOnConnectFail = false,
        ConnectRetry = 1,
        ConnectTimeout = (int)ConnectTimeout.TotalMilliseconds,
        SyncTimeout = (int)ConnectTimeout.TotalMilliseconds,
        KeepAlive = 5,
        ReconnectRetryPolicy = new LinearRetry((int)Pace.TotalMilliseconds),
        // It would ask other instances which server to take, and tell them.
        TieBreaker = "",
        ConfigurationChannel = "",
    };

    private static EndPoint At(RedisUrl url) =>
        IPAddress.TryParse(url.Host, out var address) ? new IPEndPoint(address, url.Port) : new DnsEndPoint(url.Host, url.Port);
}
