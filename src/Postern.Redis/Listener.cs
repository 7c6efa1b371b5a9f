using System.Text;
using StackExchange.Redis;

namespace Postern.Redis;

/// <summary>Who hears a channel.</summary>
internal sealed class Listener(List<Listener> all, RedisChannel channel, Action<string?> heard) : IDisposable
{
    private const int Longest = 128;

    /// <summary>Hears no more.</summary>
    public void Dispose()
    {
        lock (all)
        {
            all.Remove(this);
        }
    }

    /// <summary>A message; null where some may have been missed.</summary>
    public void Hear(RedisValue message)
    {
        if (message.IsNull)
        {
            heard(null);
        }
        else if ((byte[])message is { Length: <= Longest } bytes)
        {
            heard(Encoding.Latin1.GetString(bytes));
        }
    }

    /// <summary>Begins to hear, on this connection and those that take its place.</summary>
    public async Task JoinAsync(ConnectionMultiplexer to)
    {
        try
        {
            await to.GetSubscriber().SubscribeAsync(channel, (_, message) => Hear(message));
            Hear(default);
        }
        catch (Exception e) when (e is RedisException or ObjectDisposedException or InvalidOperationException or TimeoutException or OperationCanceledException)
        {
            // It joins by itself when it is connected.
        }
    }
}
