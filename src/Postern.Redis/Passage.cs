using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using Postern.Config;

namespace Postern.Redis;

/// <summary>
/// The way to a Redis that the client can't take by itself: it knows only passwords, no users with names, and only IPv4. So it
/// connects to this instead, on loopback, with a password made up for the occasion; this connects to Redis, says who asks, and from then
/// on passes bytes on. Goes away with a client that can. Whoever else finds the port doesn't know the password, and is sent away.
/// </summary>
internal sealed class Passage : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private const int LongestLine = 1024;

    private static readonly byte[] LetIn = "+OK\r\n"u8.ToArray();

    /// <summary>Before it is tried again to take a connection that couldn't be taken.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly RedisUrl url;
    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource ending = new();
    private readonly byte[] expected;

    public Passage(RedisUrl url)
    {
        this.url = url;
        Password = RandomNumberGenerator.GetHexString(64);
        expected = Wire.Command("AUTH", Password);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        _ = AcceptAsync();
    }

    /// <summary>Where it listens.</summary>
    public int Port { get; }

    /// <summary>What lets in here.</summary>
    public string Password { get; }

    /// <summary>Whether the client can't go there by itself.</summary>
    public static async Task<bool> IsNeededAsync(RedisUrl url, CancellationToken ending)
    {
        if (url.User is not null || IPAddress.TryParse(url.Host, out var address) && address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            return true;
        }
        try
        {
            return (await Dns.GetHostAddressesAsync(url.Host, ending)).All(a => a.AddressFamily == AddressFamily.InterNetworkV6);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ending.Cancel();
        listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!ending.IsCancellationRequested)
        {
            try
            {
                _ = ServeAsync(await listener.AcceptAsync(ending.Token));
            }
            catch (SocketException) when (!ending.IsCancellationRequested)
            {
                // A process that has no descriptor left just now has some again later, and Redis must be found then.
                await Task.Delay(Pause, CancellationToken.None);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private static async Task<byte[]> LineAsync(Stream redis, CancellationToken ending)
    {
        var (line, next) = (new MemoryStream(), new byte[1]);
        do
        {
            await redis.ReadExactlyAsync(next, ending);
            line.Write(next);
        }
        while (next[0] != '\n' && line.Length < LongestLine);
        return line.ToArray();
    }

    private async Task ServeAsync(Socket socket)
    {
        try
        {
            socket.NoDelay = true;
            await using var client = new NetworkStream(socket, ownsSocket: true);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(ending.Token);
            patience.CancelAfter(Patience);
            var first = new byte[expected.Length];
            await client.ReadExactlyAsync(first, patience.Token);
            if (!CryptographicOperations.FixedTimeEquals(first, expected))
            {
                return;
            }
            await using var redis = await Wire.ConnectAsync(url, patience.Token);
            var answer = LetIn;
            if (Wire.LetIn(url) is { } who)
            {
                await redis.WriteAsync(who, patience.Token);
                answer = await LineAsync(redis, patience.Token);
            }
            await client.WriteAsync(answer, patience.Token);
            if (answer is not [(byte)'+', ..])
            {
                // An open Redis would go on with who it refuses, as if nobody had been named.
                return;
            }
            using var either = CancellationTokenSource.CreateLinkedTokenSource(ending.Token);
            // The first to end ends both.
            await Task.WhenAny(client.CopyToAsync(redis, either.Token), redis.CopyToAsync(client, either.Token));
            await either.CancelAsync();
        }
        catch (Exception e) when (e is IOException or SocketException or AuthenticationException or OperationCanceledException or ObjectDisposedException)
        {
            // The client finds its connection closed, and why is asked elsewhere.
        }
    }
}
