using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams;

/// <summary>A service on a free port that answers as it is told at the moment, and says what it was asked.</summary>
internal sealed class Service : IAsyncDisposable
{
    public const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    private readonly ScriptedUpstream upstream;
    private readonly SemaphoreSlim asked = new(0);
    private readonly List<string> heads = [];
    private TaskCompletionSource? held;
    private int inside, most;

    public Service(int? status = null)
    {
        if (status is not null)
        {
            Answer = Of(status.Value);
        }
        upstream = ScriptedUpstream.Serving(ServeAsync);
    }

    /// <summary>The bytes of each answer; null to close without any.</summary>
    public string? Answer { get; set; } = Ok;

    /// <summary>Closes after each answer, the orderly way.</summary>
    public bool Closes { get; set; }

    public string Url => upstream.Url;

    public string Name => $"127.0.0.1:{upstream.Port}";

    /// <summary>The heads of what it was asked.</summary>
    public IReadOnlyList<string> Heads
    {
        get
        {
            lock (heads)
            {
                return [.. heads];
            }
        }
    }

    public int Asked => Heads.Count;

    /// <summary>How many of them were health checks.</summary>
    public int Probes => Heads.Count(h => h.Contains("User-Agent: Postern health check", StringComparison.Ordinal));

    /// <summary>Connections that have come.</summary>
    public int Accepted => upstream.Accepted;

    /// <summary>The most requests it had at once.</summary>
    public int MostAtOnce => most;

    public static string Of(int status) => $"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n";

    /// <summary>From now on requests wait for their answer, until they are let go.</summary>
    public void Hold() => held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void LetGo()
    {
        var before = held;
        held = null;
        before?.TrySetResult();
    }

    /// <summary>From now on requests don't wait; those that do go on when that is called.</summary>
    public Action Release()
    {
        var before = held;
        held = null;
        return () => before?.TrySetResult();
    }

    /// <summary>Done when it has been asked once more than this was waited for.</summary>
    public async Task UntilAskedAsync() => Assert.True(await asked.WaitAsync(ScriptedUpstream.Patience), "It wasn't asked.");

    public async ValueTask DisposeAsync()
    {
        LetGo();
        await upstream.DisposeAsync();
    }

    private async Task ServeAsync(ScriptedConnection connection)
    {
        while (await connection.ReadRequestAsync() is { Length: > 0 } head)
        {
            lock (heads)
            {
                heads.Add(head);
            }
            most = Math.Max(most, Interlocked.Increment(ref inside));
            asked.Release();
            if (held is { } until)
            {
                await until.Task;
            }
            Interlocked.Decrement(ref inside);
            if (Answer is { } answer)
            {
                await connection.WriteAsync(answer);
            }
            if (Answer is null || Closes)
            {
                connection.Close();
                return;
            }
        }
    }
}
