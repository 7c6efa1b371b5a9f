using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Config;

namespace Postern.Server.Listening;

/// <summary>Every listener of the gateway, as one.</summary>
/// <param name="listen">The addresses and their bounds.</param>
/// <param name="handle">Answers a request; finds an <see cref="Pipeline.Exchange"/> among its features, reset.</param>
/// <param name="loggers">For what Kestrel has to say.</param>
/// <param name="time">The clock.</param>
/// <param name="refused">Told of each request that was refused before it was one, with its exchange; never waits.</param>
internal sealed class TrafficServer(
    IReadOnlyList<ListenOptions> listen, RequestDelegate handle, ILoggerFactory loggers, TimeProvider time, Action<HttpContext>? refused = null)
    : IAsyncDisposable
{
    private readonly List<Listener> listeners = [];

    /// <summary>Where it listens, with actual ports.</summary>
    public IReadOnlyList<string> Urls => [.. listeners.Select(l => l.Url)];

    /// <summary>Connections open now.</summary>
    public int Connections => listeners.Sum(l => l.Connections);

    /// <summary>Connections closed at once, because there were too many.</summary>
    public long TurnedAway => listeners.Sum(l => l.TurnedAway);

    /// <summary>Opens every listener, or none.</summary>
    /// <exception cref="ListenException">An address can't be listened on.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            foreach (var options in listen)
            {
                var listener = new Listener(options, handle, refused, loggers, time);
                listeners.Add(listener);
                await listener.StartAsync(cancellationToken);
            }
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc cref="Listener.WindDown"/>
    public void WindDown() => listeners.ForEach(l => l.WindDown());

    /// <inheritdoc cref="Listener.CloseSocketsAsync"/>
    public Task CloseSocketsAsync() => Task.WhenAll(listeners.Select(l => l.CloseSocketsAsync()));

    /// <inheritdoc cref="Listener.CloseIdle"/>
    public void CloseIdle() => listeners.ForEach(l => l.CloseIdle());

    /// <summary>Done when, after <see cref="CloseSocketsAsync"/>, the last connection has ended.</summary>
    public Task Empty => Task.WhenAll(listeners.Select(l => l.Empty));

    /// <summary>Cuts what is left.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var listener in listeners)
        {
            await listener.DisposeAsync();
        }
        listeners.Clear();
    }
}
