using System.Net;
using System.Net.Sockets;

namespace Bench;

/// <summary>A backend that takes its time for each answer, or never answers, and next to no CPU.</summary>
internal sealed class SlowBackend : IDisposable
{
    private readonly TimeSpan? pause;
    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    /// <param name="pause">Before each answer; null for none at all.</param>
    public SlowBackend(TimeSpan? pause)
    {
        this.pause = pause;
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1024);
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndPoint!).Port;

    public void Dispose() => listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await listener.AcceptAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Nobody needs it any more.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        var (buffer, have) = (new byte[16 * 1024], 0);
        try
        {
            while (await client.ReceiveAsync(buffer.AsMemory(have)) is > 0 and var received)
            {
                have += received;
                if (buffer.AsSpan(0, have).EndsWith("\r\n\r\n"u8))
                {
                    have = 0;
                    if (pause is not { } time)
                    {
                        continue;
                    }
                    await Task.Delay(time);
                    await client.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"u8.ToArray());
                }
            }
        }
        catch (SocketException)
        {
            // The gateway has ended, or given it up.
        }
        client.Dispose();
    }
}
