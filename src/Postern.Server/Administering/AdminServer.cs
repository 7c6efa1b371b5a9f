using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Server.Listening;

namespace Postern.Server.Administering;

/// <summary>The admin port: a listener of its own with narrow bounds, so that no flood of traffic hides it.</summary>
internal sealed class AdminServer(AdminOptions options, AdminSource source, ILoggerFactory loggers, TimeProvider time) : IAsyncDisposable
{
    private readonly TrafficServer server = new(
        [new ListenOptions { Url = options.Url, Limits = new ListenLimitsOptions { Connections = 256, HeadSize = 16 << 10 } }],
        new AdminEndpoints(options, source).HandleAsync, loggers, time);

    /// <summary>Where it listens, with the actual port.</summary>
    public string Url => server.Urls[0];

    /// <exception cref="ListenException">The address can't be listened on.</exception>
    public Task StartAsync(CancellationToken cancellationToken = default) => server.StartAsync(cancellationToken);

    public ValueTask DisposeAsync() => server.DisposeAsync();
}
