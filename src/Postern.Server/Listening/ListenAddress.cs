using System.Net;
using System.Net.Sockets;

namespace Postern.Server.Listening;

/// <summary>What the URL of a listener means on this machine: the addresses to bind, and how it reads once the port is known.</summary>
/// <param name="Url">As it was written.</param>
/// <param name="Host">The part before the port, for reading.</param>
/// <param name="EndPoints">The addresses to bind.</param>
internal sealed record ListenAddress(string Url, string Host, IReadOnlyList<IPEndPoint> EndPoints)
{
    /// <summary>Reads <c>http://127.0.0.1:8080</c>, <c>http://*:8080</c> (every address), <c>http://localhost:8080</c> (both families).</summary>
    public static ListenAddress Parse(string url)
    {
        // Uri has no notion of '*'; every address is '[::]' to it, and to the socket.
        var any = url.StartsWith("http://*", StringComparison.Ordinal);
        if (!Uri.TryCreate(any ? "http://[::]" + url["http://*".Length..] : url, UriKind.Absolute, out var uri) || uri.Scheme != "http")
        {
            throw new ListenException($"{url}: not an address to listen on; write http://127.0.0.1:8080");
        }
        if (uri.Host == "localhost")
        {
            return new ListenAddress(url, "localhost", Localhost(uri.Port));
        }
        if (!IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address))
        {
            throw new ListenException($"{url}: not an address of this machine; write http://0.0.0.0:{uri.Port} for all of them");
        }
        if (address.Equals(IPAddress.IPv6Any) && !Exists(IPAddress.IPv6Any))
        {
            address = IPAddress.Any;
        }
        return new ListenAddress(url, any ? "*" : uri.Host, [new IPEndPoint(address, uri.Port)]);
    }

    /// <summary>The URL with the port that was bound.</summary>
    public string At(int port) => $"http://{Host}:{port}";

    private static IPEndPoint[] Localhost(int port)
    {
        // Two sockets can't be given the same free port at once, so port 0 is IPv4's alone.
        return port != 0 && Exists(IPAddress.IPv6Loopback)
            ? [new IPEndPoint(IPAddress.Loopback, port), new IPEndPoint(IPAddress.IPv6Loopback, port)]
            : [new IPEndPoint(IPAddress.Loopback, port)];
    }

    /// <summary>Whether the machine has this address: a kernel may know IPv6 and have it switched off.</summary>
    private static bool Exists(IPAddress address)
    {
        if (!Socket.OSSupportsIPv6)
        {
            return false;
        }
        try
        {
            using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(address, 0));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
