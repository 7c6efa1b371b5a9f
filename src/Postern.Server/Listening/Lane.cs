using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Postern.Server.Listening;

/// <summary>
/// The way into Kestrel's HTTP/2 for connections that came in on the port of HTTP/1.1. Kestrel speaks one of the two on
/// a cleartext endpoint, so HTTP/2 has an endpoint of its own, without a socket: it accepts what the port hands over.
/// </summary>
internal sealed class Lane : IConnectionListener
{
    // Holds no more than the listener's bound on connections.
    private readonly Channel<ConnectionContext> entering = Channel.CreateUnbounded<ConnectionContext>(new() { SingleReader = true });

    public EndPoint EndPoint { get; } = new LaneEndPoint();

    /// <summary>Serves the connection as HTTP/2; done when it has ended.</summary>
    public Task RunAsync(ConnectionContext connection)
    {
        var laned = new LanedConnection(connection);
        return entering.Writer.TryWrite(laned) ? laned.Ended : Task.CompletedTask;
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await entering.Reader.WaitToReadAsync(cancellationToken))
        {
            if (entering.Reader.TryRead(out var connection))
            {
                return connection;
            }
        }
        return null;
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        entering.Writer.TryComplete();
        return default;
    }

    public ValueTask DisposeAsync() => UnbindAsync();

    /// <summary>The same connection; only its end is reported to whoever handed it over, who then closes it.</summary>
    private sealed class LanedConnection(ConnectionContext connection) : ConnectionContext
    {
        private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Ended => ended.Task;

        public override string ConnectionId { get => connection.ConnectionId; set => connection.ConnectionId = value; }

        public override IFeatureCollection Features => connection.Features;

        public override IDictionary<object, object?> Items { get => connection.Items; set => connection.Items = value; }

        public override IDuplexPipe Transport { get => connection.Transport; set => connection.Transport = value; }

        public override CancellationToken ConnectionClosed { get => connection.ConnectionClosed; set => connection.ConnectionClosed = value; }

        public override EndPoint? LocalEndPoint { get => connection.LocalEndPoint; set => connection.LocalEndPoint = value; }

        public override EndPoint? RemoteEndPoint { get => connection.RemoteEndPoint; set => connection.RemoteEndPoint = value; }

        public override void Abort() => connection.Abort();

        public override void Abort(ConnectionAbortedException abortReason) => connection.Abort(abortReason);

        public override ValueTask DisposeAsync()
        {
            ended.TrySetResult();
            return default;
        }
    }
}

/// <summary>The address of the lane: none.</summary>
internal sealed class LaneEndPoint : EndPoint
{
    public override string ToString() => "HTTP/2 on the same port";
}
