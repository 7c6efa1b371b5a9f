using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Postern.Config;
using StackExchange.Redis;

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
            await using var stream = await Wire.ConnectAsync(url, patience.Token);
            using var reader = new StreamReader(stream, Encoding.Latin1);
            string? complaint = null;
            if (Wire.LetIn(url) is { } letIn)
            {
                await stream.WriteAsync(letIn, patience.Token);
                complaint = Complaint(await reader.ReadLineAsync(patience.Token), url);
            }
            if (complaint is null)
            {
                await stream.WriteAsync(Wire.Command("PING"), patience.Token);
                complaint = Complaint(await reader.ReadLineAsync(patience.Token), url);
            }
            if (complaint is null && await Passage.IsNeededAsync(url, patience.Token))
            {
                await stream.WriteAsync(Wire.Command("CLUSTER", "MYID"), patience.Token);
                complaint = await reader.ReadLineAsync(patience.Token) is ['$', ..] ? "is a cluster, to which neither users with names nor IPv6 lead: use the default user and IPv4" : null;
            }
            return complaint;
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
            return "can't be spoken to by TLS: it has no certificate of that name which is trusted here, or doesn't speak TLS";
        }
        catch (OperationCanceledException) when (!ending.IsCancellationRequested)
        {
            return "doesn't answer";
        }
        catch (IOException)
        {
            return Closed(url);
        }
    }

    /// <summary>What went wrong with a question, to stand behind "Redis at …".</summary>
    public static string Of(Exception e) => e switch
    {
        RedisServerException server => Said(server.Message),
        FormatException or InvalidCastException or OverflowException => "gives an answer that can't be read",
        TimeoutException => "doesn't answer",
        _ => "has no connection",
    };

    /// <summary>What Redis said, shortened for a log.</summary>
    private static string Said(string message)
    {
        var line = message.Split('\n')[0].Trim().TrimEnd('.');
        return $"says: {(line.Length <= LongestLine ? line : line[..LongestLine] + "…")}";
    }

    private static string? Complaint(string? line, RedisUrl url) => line switch
    {
        null => Closed(url),
        ['+', ..] => null,
        // It has a password for nobody, and is open to all.
        _ when line.StartsWith("-ERR AUTH <password> called without any password", StringComparison.Ordinal) => null,
        _ when line.StartsWith("-NOAUTH", StringComparison.Ordinal) => "wants a password",
        _ when line.StartsWith("-WRONGPASS", StringComparison.Ordinal) => url.User is null ? "refuses the password" : "refuses the user and password",
        ['-', ..] => Said(line[1..]),
        _ => url.Tls ? "doesn't speak as a Redis does" : "doesn't speak as a Redis does; it may want TLS, which is rediss://",
    };

    private static string Closed(RedisUrl url) => url.Tls ? "has closed the connection" : "has closed the connection; it may want TLS, which is rediss://";
}
