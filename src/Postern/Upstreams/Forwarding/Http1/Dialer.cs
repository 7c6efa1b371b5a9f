using System.Net;
using System.Net.Sockets;
using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>Opens connections to one destination. A name is resolved for each, and its addresses are tried in turn, within one time-out.</summary>
internal sealed class Dialer(string host, int port, string name, DestinationSettings settings)
{
    private readonly IPAddress[]? literal = IPAddress.TryParse(host, out var address) ? [address] : null;

    public DestinationSettings Settings => settings;

    /// <summary>The host and port that the destination is asked for, where they aren't its own.</summary>
    public string? Asked { get; init; }

    /// <summary>The same as <c>Host</c>: without the port where it is the usual one (RFC 9110 §7.2).</summary>
    public string Authority => (Asked ?? name) is var full && full.EndsWith(":80", StringComparison.Ordinal) ? full[..^3] : full;

    public async Task<Socket> ConnectAsync(CancellationToken cancel)
    {
        var began = settings.Time.GetTimestamp();
        using var timer = new CancellationTokenSource(settings.ConnectTimeout, settings.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancel);
        Exception? last = null;
        try
        {
            var addresses = literal ?? await Dns.GetHostAddressesAsync(host, either.Token).ConfigureAwait(false);
            for (var i = 0; i < addresses.Length; i++)
            {
                // An address that swallows what is sent to it must leave time for those after it.
                var share = (settings.ConnectTimeout - settings.Time.GetElapsedTime(began)) / (addresses.Length - i);
                using var own = i < addresses.Length - 1 && share > TimeSpan.Zero ? new CancellationTokenSource(share, settings.Time) : null;
                using var all = own is null ? null : CancellationTokenSource.CreateLinkedTokenSource(own.Token, either.Token);
                try
                {
                    return await ConnectAsync(addresses[i], (all ?? either).Token).ConfigureAwait(false);
                }
                catch (Exception e) when (e is SocketException || (e is OperationCanceledException && !either.IsCancellationRequested))
                {
                    last = e;
                }
            }
        }
        catch (SocketException e)
        {
            last = e;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new UpstreamException(Failure.UpstreamUnreachable, $"{name} accepted no connection within {settings.ConnectTimeout}", last);
        }
        cancel.ThrowIfCancellationRequested();
        throw new UpstreamException(Failure.UpstreamUnreachable, $"{name} accepted no connection: {last?.Message ?? "its name has no address"}", last);
    }

    private async Task<Socket> ConnectAsync(IPAddress address, CancellationToken cancel)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            await socket.ConnectAsync(new IPEndPoint(address, port), cancel).ConfigureAwait(false);
            socket.Blocking = false; // a plain send then takes what the kernel has room for, and says so
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
