using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging;
using Postern.Edge.Authenticating.Jwt;
using Postern.Edge.Authenticating.Jwt.Keys;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt.Keys;

/// <summary>A source of fetched keys with its authorization server, a clock that a test moves, and what was logged.</summary>
internal sealed class Source : IAsyncDisposable, ILogger
{
    private readonly StatePool state = new();
    private readonly bool discovery;

    public Source(AuthServer server, bool discovery = false, TimeSpan? keep = null, string? url = null)
    {
        (Server, this.discovery) = (server, discovery);
        Keys = KeySources.Of(new JwtOptions
        {
            Issuer = server.Issuer,
            Audience = [AuthServer.Audience],
            Jwks = discovery ? null : url ?? server.JwksUrl,
            Discovery = discovery ? url ?? "true" : null,
            KeepKeys = keep ?? TimeSpan.FromHours(24),
        }, "customers", state);
    }

    public AuthServer Server { get; }

    public ManualTime Time { get; } = new();

    public IKeySource Keys { get; }

    /// <summary>Level and text of each line that was logged.</summary>
    public ConcurrentQueue<string> Lines { get; } = [];

    /// <summary>Starts it; done when the first fetch has ended and it waits for the next.</summary>
    public async Task StartAsync()
    {
        Keys.Start(Time, this);
        await FetchedAsync();
    }

    /// <summary>Moves the clock past the next attempt, whenever that is; done when it has ended.</summary>
    public Task RefreshAsync() => AdvanceAsync(TimeSpan.FromMinutes(11));

    /// <summary>Moves the clock to an attempt; done when it has ended and the next is waited for.</summary>
    public async Task AdvanceAsync(TimeSpan by)
    {
        Time.Advance(by);
        await FetchedAsync();
    }

    /// <summary>Asks for a refetch and waits for it.</summary>
    public async Task RefetchAsync(bool fetches)
    {
        var refetch = Keys.RefetchAsync();
        Assert.Equal(!fetches, refetch.IsCompleted);
        await refetch.WaitAsync(TimeSpan.FromSeconds(10));
        for (var i = 0; fetches && i < Timers; i++)
        {
            await Time.UntilWaitingAsync();
        }
    }

    /// <summary>The value of a metric.</summary>
    public string Metric(string series)
    {
        var text = new ArrayBufferWriter<byte>();
        PrometheusText.Write(MetricRegistry.Of(state), text);
        return Encoding.UTF8.GetString(text.WrittenSpan).Split('\n').Single(l => l.StartsWith(series + " ", StringComparison.Ordinal))[(series.Length + 1)..];
    }

    public ValueTask DisposeAsync()
    {
        Keys.Dispose();
        return Server.DisposeAsync();
    }

    /// <summary>Each document that is asked for sets a time-out.</summary>
    private int Timers => discovery && Server.Discovery.Instead is null ? 2 : 1;

    /// <summary>A fetch has ended when the next pause begins.</summary>
    public async Task FetchedAsync()
    {
        for (var i = 0; i < Timers + 1; i++)
        {
            await Time.UntilWaitingAsync();
        }
    }

    void ILogger.Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Lines.Enqueue($"{level}: {formatter(state, exception)}");

    bool ILogger.IsEnabled(LogLevel level) => true;

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;
}
