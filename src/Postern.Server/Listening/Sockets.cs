using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Postern.Server.Listening;

/// <summary>
/// Opens the sockets of one listener, and can close them while the connections made through them live on: Kestrel's own
/// way to stop listening is to stop everything.
/// </summary>
internal sealed class Sockets(SocketTransportFactory transport, ListenAddress address, Lane lane, Action accepted)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly List<ListeningSocket> open = [];

    /// <summary>The addresses bound, with their actual ports.</summary>
    public IEnumerable<IPEndPoint> EndPoints => open.Select(s => (IPEndPoint)s.EndPoint);

    public bool CanBind(EndPoint endpoint) => true;

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        if (endpoint is LaneEndPoint)
        {
            return lane;
        }
        try
        {
            var socket = new ListeningSocket(await transport.BindAsync(endpoint, cancellationToken), accepted);
            open.Add(socket);
            return socket;
        }
        catch (AddressInUseException e)
        {
            throw new ListenException($"{address.Url}: the port is taken; stop what listens there, or give Postern another one", e);
        }
        catch (SocketException e)
        {
            throw new ListenException($"{address.Url}: {Reason(e.SocketErrorCode, endpoint)}", e);
        }
    }

    /// <summary>Takes no new connection; those there are go on.</summary>
    public async Task CloseAsync()
    {
        foreach (var socket in open)
        {
            await socket.UnbindAsync();
        }
    }

    private static string Reason(SocketError error, EndPoint endpoint) => error switch
    {
        SocketError.AccessDenied => $"this user may not listen on port {((IPEndPoint)endpoint).Port}; take one from 1024 up, or give the process the right",
        SocketError.AddressNotAvailable => "this machine has no such address; write one it has, or http://0.0.0.0 for all",
        _ => $"can't be listened on ({error})",
    };

    /// <summary>Counts a connection from the moment it is accepted, so that a drain never misses one that isn't served yet.</summary>
    private sealed class ListeningSocket(IConnectionListener socket, Action accepted) : IConnectionListener
    {
        public EndPoint EndPoint => socket.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            var connection = await socket.AcceptAsync(cancellationToken);
            if (connection is not null)
            {
                accepted();
            }
            return connection;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => socket.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => socket.DisposeAsync();
    }
}
