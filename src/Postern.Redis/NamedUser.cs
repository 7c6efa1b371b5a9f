using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using Postern.Config;

namespace Postern.Redis;

/// <summary>
/// Lets a user with a name in. The client knows only passwords, so it connects to this instead, on loopback, with a password made
/// up for the occasion; this connects to Redis, says who asks, and from then on passes bytes on. Goes away with a client that
/// knows users. Whoever else finds the port doesn't know the password, and is sent away.
/// </summary>
internal sealed class NamedUser : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Before it is tried again to take a connection that couldn't be taken.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly RedisUrl url;
    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource ending = new();
    private readonly byte[] expected;

    public NamedUser(RedisUrl url)
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
            await redis.WriteAsync(Wire.LetIn(url), patience.Token);
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
