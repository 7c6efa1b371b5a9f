using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Postern.Config;

namespace Postern.Redis;

/// <summary>As much of Redis's protocol as it takes to be let in.</summary>
internal static class Wire
{
    /// <summary>A command.</summary>
    public static byte[] Command(params string[] words)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"*{words.Length}\r\n");
        foreach (var word in words)
        {
            text.Append(CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n");
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>What a URL says of who asks; null where it says nothing.</summary>
    public static byte[]? LetIn(RedisUrl url) =>
        url.Password is not { } password ? null : url.User is { } user ? Command("AUTH", user, password) : Command("AUTH", password);

    /// <summary>Connects, by TLS where the URL says so.</summary>
    public static async Task<Stream> ConnectAsync(RedisUrl url, CancellationToken ending)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream? stream = null;
        try
        {
            await socket.ConnectAsync(url.Host, url.Port, ending);
            stream = new NetworkStream(socket, ownsSocket: true);
            if (!url.Tls)
            {
                return stream;
            }
            var secure = new SslStream(stream);
            stream = secure;
            await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = url.Host }, ending);
            return secure;
        }
        catch
        {
            stream?.Dispose();
            socket.Dispose();
            throw;
        }
    }
}
