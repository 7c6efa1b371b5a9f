using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Pipeline.Telemetry;
using Postern.Wire;
using ListenOptions = Postern.Config.ListenOptions;

namespace Postern.Server.Listening;

/// <summary>
/// One address that clients connect to: a Kestrel of its own, because Kestrel's bounds hold for a whole server and
/// listeners may differ. Knows its connections, so that it can let them go one by one.
/// </summary>
internal sealed class Listener : IAsyncDisposable
{
    private static readonly TimeSpan RateGrace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LastBytes = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<ClientConnection, bool> connections = [];
    private readonly TaskCompletionSource empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ListenAddress address;
    private readonly RequestEntry entry;
    private readonly Lane lane = new();
    private readonly WebApplication host;
    private readonly IServer server;
    private readonly Counter turnedAway;
    private Sockets sockets = null!;
    private int open;
    private volatile bool closed, windingDown;

    // A line ends with CR LF and nothing else: what two readers of a message see differently is how requests are smuggled.
    static Listener() => AppContext.SetSwitch("Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators", true);

    public Listener(ListenOptions options, RequestDelegate handle, RequestDelegate refuse, MetricRegistry metrics, ILoggerFactory loggers, TimeProvider time)
    {
        (Options, Time, address) = (options, time, ListenAddress.Parse(options.Url));
        metrics.Gauge("postern_connections", "Client connections open.", () => Connections, ("listener", options.Url));
        turnedAway = metrics.Counter("postern_connections_refused_total", "Client connections closed at once, because the listener had all it may have.", ("listener", options.Url));
        entry = new RequestEntry(handle, AllowedBy(options.Paths), time);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.Services
            .AddSingleton(loggers)
            .AddSingleton<System.Diagnostics.DiagnosticSource>(new Refusals(refuse, time))
            .AddSingleton<SocketTransportFactory>()
            .AddSingleton<IConnectionListenerFactory>(services =>
                sockets = new Sockets(services.GetRequiredService<SocketTransportFactory>(), address, lane, () => Interlocked.Increment(ref open)))
            .Configure<SocketTransportOptions>(o =>
            {
                o.UnsafePreferInlineScheduling = true;
                // 4 KB for a connection that waits; without, each request takes one more turn through the receive loop.
                o.WaitForDataBeforeAllocatingBuffer = false;
            })
            .Configure<KestrelServerOptions>(Configure);
        host = builder.Build();
        server = host.Services.GetRequiredService<IServer>();
    }

    public ListenOptions Options { get; }

    public TimeProvider Time { get; }

    /// <summary>Where it listens, with the actual port.</summary>
    public string Url => address.At(sockets.EndPoints.First().Port);

    /// <summary>Connections open now.</summary>
    public int Connections => Volatile.Read(ref open);

    /// <summary>Whether each answer tells its client that the connection closes.</summary>
    public bool WindingDown { get => windingDown; set => windingDown = value; }

    /// <summary>Done when, after <see cref="CloseSocketsAsync"/>, the last connection has ended.</summary>
    public Task Empty => empty.Task;

    public Task StartAsync(CancellationToken cancellationToken) => server.StartAsync(entry, cancellationToken);

    /// <summary>Takes no new connection.</summary>
    public async Task CloseSocketsAsync()
    {
        await sockets.CloseAsync();
        closed = true;
        SignalIfEmpty();
    }

    /// <summary>Ends the connections that had no request since this was last called.</summary>
    public void CloseIdle()
    {
        foreach (var (connection, _) in connections)
        {
            connection.CloseIfIdle();
        }
    }

    /// <summary>Cuts what is left.</summary>
    public async ValueTask DisposeAsync()
    {
        // Connections that have ended may still have their last bytes under way.
        using var patience = new CancellationTokenSource(empty.Task.IsCompleted ? LastBytes : TimeSpan.Zero, Time);
        await server.StopAsync(patience.Token);
        await host.DisposeAsync();
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        // Bytes stay bytes: a value that isn't ASCII goes through as it is.
        kestrel.RequestHeaderEncodingSelector = static name => name switch
        {
            "Connection" => ConnectionField.Reader,
            "Content-Length" => LengthField.Reader,
            _ => Encoding.Latin1,
        };
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
        var (limits, bounds) = (kestrel.Limits, Options.Limits);
        limits.MaxRequestHeadersTotalSize = (int)bounds.HeadSize.Bytes;
        limits.MaxRequestHeaderCount = bounds.HeadCount;
        limits.MaxRequestLineSize = (int)bounds.RequestLine.Bytes;
        limits.MaxRequestBufferSize = Math.Max(1 << 20, Math.Max(bounds.HeadSize.Bytes, bounds.RequestLine.Bytes));
        limits.RequestHeadersTimeout = bounds.HeadTimeout;
        limits.KeepAliveTimeout = bounds.IdleTimeout;
        // The route says how large a body may be.
        limits.MaxRequestBodySize = null;
        limits.MinRequestBodyDataRate = bounds.MinRate.Bytes == 0 ? null : new MinDataRate(bounds.MinRate.Bytes, RateGrace);
        limits.MinResponseDataRate = bounds.MinRate.Bytes == 0 ? null : new MinDataRate(bounds.MinRate.Bytes, RateGrace);
        limits.Http2.MaxStreamsPerConnection = bounds.Streams;
        limits.Http2.MaxRequestHeaderFieldSize = (int)bounds.HeadSize.Bytes;
        foreach (var endpoint in address.EndPoints)
        {
            kestrel.Listen(endpoint, port =>
            {
                port.Protocols = HttpProtocols.Http1;
                port.Use(next => connection => AdmitAsync(connection, next));
            });
        }
        kestrel.Listen(lane.EndPoint, inner => inner.Protocols = HttpProtocols.Http2);
    }

    /// <summary>The whole life of a connection.</summary>
    private async Task AdmitAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        try
        {
            // It is among the open ones since it was accepted.
            if (Connections > Options.Limits.Connections)
            {
                turnedAway.Add();
                connection.Abort(new ConnectionAbortedException("The listener has all the connections it may have."));
                return;
            }
            await ServeAsync(connection, next);
        }
        finally
        {
            Interlocked.Decrement(ref open);
            SignalIfEmpty();
        }
    }

    private async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var client = new ClientConnection(this, connection);
        connection.Features.Set(client);
        connections[client] = true;
        try
        {
            var closing = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;
            switch (await Preface.ReadAsync(connection, Options.Limits.HeadTimeout, Time, closing))
            {
                case Spoken.Http1:
                    await next(connection);
                    break;
                case Spoken.Http2:
                    client.IsHttp2 = true;
                    await lane.RunAsync(connection);
                    break;
            }
        }
        finally
        {
            connections.TryRemove(client, out _);
        }
    }

    private void SignalIfEmpty()
    {
        if (closed && Connections == 0)
        {
            empty.TrySetResult();
        }
    }

    /// <summary>The paths that the rules let through.</summary>
    internal static PathFaults AllowedBy(PathRulesOptions rules)
    {
        return Flag(rules.EncodedSlash, PathFaults.EncodedSlash) | Flag(rules.EncodedBackslash, PathFaults.EncodedBackslash)
            | Flag(rules.Backslash, PathFaults.Backslash) | Flag(rules.DoubleSlash, PathFaults.DoubleSlash)
            | Flag(rules.DotSegments, PathFaults.DotSegments) | Flag(rules.InvalidEncoding, PathFaults.InvalidEncoding);

        static PathFaults Flag(Allowance allowance, PathFaults fault) => allowance == Allowance.Allow ? fault : PathFaults.None;
    }
}
