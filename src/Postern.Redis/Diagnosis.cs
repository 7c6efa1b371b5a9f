using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Postern.Config;

namespace Postern.Redis;

/// <summary>
/// Why there is no connection, in words for whoever reads the log: asked over a connection of its own, because the client tells no more than that
/// it has none.
/// </summary>
internal static class Diagnosis
{
    private const int LongestLine = 200;

    /// <summary>What is wrong, to stand behind "Redis at …"; null where nothing is.</summary>
    public static async Task<string?> OfAsync(RedisUrl url, TimeSpan within, CancellationToken ending)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ending);
        patience.CancelAfter(within);
        try
        {
            using var client = new TcpClient { NoDelay = true };
            await client.ConnectAsync(url.Host, url.Port, patience.Token);
            await using var stream = await SecureAsync(client.GetStream(), url, patience.Token);
            await stream.WriteAsync(Questions(url), patience.Token);
            using var reader = new StreamReader(stream, Encoding.Latin1);
            string? said = null;
            for (var i = 0; i < (url.Password is null ? 1 : 2); i++)
            {
                said ??= Complaint(await reader.ReadLineAsync(patience.Token), url);
            }
            return said;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => "refuses connections",
                SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "isn't found: its name has no address",
                _ => "can't be reached",
            };
        }
        catch (AuthenticationException)
        {
            return "has no certificate of that name that is trusted here";
        }
        catch (OperationCanceledException) when (!ending.IsCancellationRequested)
        {
            return "doesn't answer";
        }
        catch (IOException)
        {
            return url.Tls ? "doesn't speak TLS there" : "has closed the connection";
        }
    }

    /// <summary>What Redis said, shortened for a log.</summary>
    public static string Said(string message)
    {
        var line = message.Split('\n')[0].Trim().TrimEnd('.');
        return $"says: {(line.Length <= LongestLine ? line : line[..LongestLine] + "…")}";
    }

    private static async Task<Stream> SecureAsync(NetworkStream stream, RedisUrl url, CancellationToken patience)
    {
        if (!url.Tls)
        {
            return stream;
        }
        var secure = new SslStream(stream);
        await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = url.Host }, patience);
        return secure;
    }

    private static byte[] Questions(RedisUrl url)
    {
        var text = new StringBuilder();
        if (url.Password is { } password)
        {
            Add(url.User is { } user ? ["AUTH", user, password] : ["AUTH", password]);
        }
        Add("PING");
        return Encoding.UTF8.GetBytes(text.ToString());

        void Add(params string[] words)
        {
            text.Append(CultureInfo.InvariantCulture, $"*{words.Length}\r\n");
            foreach (var word in words)
            {
                text.Append(CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n");
            }
        }
    }

    private static string? Complaint(string? line, RedisUrl url) => line switch
    {
        null => url.Tls ? "has closed the connection" : "has closed the connection; it may want TLS, which is rediss://",
        ['+', ..] => null,
        // It has a password for nobody, and is open to all.
        _ when line.StartsWith("-ERR AUTH <password> called without any password", StringComparison.Ordinal) => null,
        _ when line.StartsWith("-NOAUTH", StringComparison.Ordinal) => "wants a password",
        _ when line.StartsWith("-WRONGPASS", StringComparison.Ordinal) => url.User is null ? "refuses the password" : "refuses the user and password",
        ['-', ..] => Said(line[1..]),
        _ => "doesn't speak as a Redis does",
    };
}
