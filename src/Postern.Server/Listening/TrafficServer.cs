using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Server.Listening;

/// <summary>Every listener of the gateway, as one.</summary>
/// <param name="listen">The addresses and their bounds.</param>
/// <param name="handle">Answers a request; finds an <see cref="Exchange"/> among its features, reset.</param>
/// <param name="loggers">For what Kestrel has to say.</param>
/// <param name="time">The clock.</param>
/// <param name="refuse">Answers what was refused before it was a request, as its exchange's failure says, without waiting for
/// anything; by default from the failure table.</param>
/// <param name="metrics">Where connections are counted.</param>
internal sealed class TrafficServer(
    IReadOnlyList<ListenOptions> listen, RequestDelegate handle, ILoggerFactory loggers, TimeProvider time,
    RequestDelegate? refuse = null, MetricRegistry? metrics = null)
    : IAsyncDisposable
{
    private readonly List<Listener> listeners = [];

    /// <summary>Where it listens, with actual ports.</summary>
    public IReadOnlyList<string> Urls => [.. listeners.Select(l => l.Url)];

    /// <summary>Connections open now.</summary>
    public int Connections => listeners.Sum(l => l.Connections);

    /// <summary>Opens every listener, or none.</summary>
    /// <exception cref="ListenException">An address can't be listened on.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            foreach (var options in listen)
            {
                var listener = new Listener(options, handle, refuse ?? Refuse, metrics ?? new MetricRegistry(), loggers, time);
                listeners.Add(listener);
                await listener.StartAsync(cancellationToken);
            }
        }
        catch
        {
            await DisposeAsync();
            listeners.Clear();
            throw;
        }
    }

    /// <summary>From now on every answer tells its client that the connection closes; idle ones stay open.</summary>
    public void WindDown() => listeners.ForEach(l => l.WindingDown = true);

    /// <inheritdoc cref="Listener.CloseSocketsAsync"/>
    public Task CloseSocketsAsync() => Task.WhenAll(listeners.Select(l => l.CloseSocketsAsync()));

    /// <inheritdoc cref="Listener.CloseIdle"/>
    public void CloseIdle() => listeners.ForEach(l => l.CloseIdle());

    /// <summary>Done when, after <see cref="CloseSocketsAsync"/>, the last connection has ended.</summary>
    public Task Empty => Task.WhenAll(listeners.Select(l => l.Empty));

    /// <summary>Cuts what is left.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var listener in listeners.ToArray())
        {
            await listener.DisposeAsync();
        }
    }

    private static Task Refuse(HttpContext context)
    {
        var exchange = Exchange.Of(context);
        exchange.TraceId = exchange.RequestId = ActivityTraceId.CreateRandom().ToHexString();
        return Answer.FailAsync(context, exchange.Failure, reason: exchange.FailureReason);
    }
}
