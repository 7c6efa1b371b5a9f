using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Postern.Tests.Harness;

/// <summary>
/// An upstream that does exactly what a test says, byte by byte: it accepts connections on a free loopback port and writes
/// what it is given, valid HTTP or not.
/// </summary>
internal sealed class ScriptedUpstream : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<ScriptedConnection> connections = [];
    private Task serving = Task.CompletedTask;

    public ScriptedUpstream()
    {
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1024);
    }

    /// <summary>Runs <paramref name="script"/> for each connection that comes; its exceptions end that connection alone.</summary>
    public static ScriptedUpstream Serving(Func<ScriptedConnection, Task> script)
    {
        var upstream = new ScriptedUpstream();
        upstream.serving = upstream.ServeAsync(script);
        return upstream;
    }

    /// <summary>Answers each request on each connection with the same bytes, and closes if they end in no keep-alive message.</summary>
    public static ScriptedUpstream Answering(string answer, bool close = false) => Serving(async connection =>
    {
        while (await connection.ReadRequestAsync() is { Length: > 0 })
        {
            await connection.WriteAsync(answer);
            if (close)
            {
                connection.Close();
                return;
            }
        }
    });

    public int Port => ((IPEndPoint)listener.LocalEndPoint!).Port;

    public string Url => $"http://127.0.0.1:{Port}";

    /// <summary>How many connections have come.</summary>
    public int Accepted
    {
        get
        {
            lock (connections)
            {
                return connections.Count;
            }
        }
    }

    public async Task<ScriptedConnection> AcceptAsync()
    {
        var connection = new ScriptedConnection(await listener.AcceptAsync().WaitAsync(Patience));
        lock (connections)
        {
            connections.Add(connection);
        }
        return connection;
    }

    public async ValueTask DisposeAsync()
    {
        listener.Dispose();
        lock (connections)
        {
            connections.ForEach(c => c.Close());
        }
        await serving.WaitAsync(Patience);
    }

    private async Task ServeAsync(Func<ScriptedConnection, Task> script)
    {
        var running = new List<Task>();
        try
        {
            while (true)
            {
                var connection = new ScriptedConnection(await listener.AcceptAsync());
                lock (connections)
                {
                    connections.Add(connection);
                }
                running.Add(RunAsync(script, connection));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(running);
        }
    }

    private static async Task RunAsync(Func<ScriptedConnection, Task> script, ScriptedConnection connection)
    {
        await Task.Yield();
        try
        {
            await script(connection);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException or TimeoutException)
        {
            connection.Close();
        }
    }
}

/// <summary>One connection of a <see cref="ScriptedUpstream"/>.</summary>
internal sealed class ScriptedConnection(Socket socket)
{
    private readonly byte[] buffer = new byte[64 * 1024];
    private string unread = "";

    /// <summary>Everything up to and with <paramref name="end"/>; what came before the end where the caller closed.</summary>
    public async Task<string> ReadUntilAsync(string end)
    {
        while (!unread.Contains(end, StringComparison.Ordinal))
        {
            if (!await ReceiveAsync())
            {
                return Take(unread.Length);
            }
        }
        return Take(unread.IndexOf(end, StringComparison.Ordinal) + end.Length);
    }

    /// <summary>So many bytes, or fewer where the caller closed.</summary>
    public async Task<string> ReadAsync(int count)
    {
        while (unread.Length < count && await ReceiveAsync())
        {
        }
        return Take(Math.Min(count, unread.Length));
    }

    /// <summary>A request's head; empty where the caller closed.</summary>
    public Task<string> ReadHeadAsync() => ReadUntilAsync("\r\n\r\n");

    /// <summary>A whole request as it came: the head, and a body of the length or in the chunks it says.</summary>
    public async Task<string> ReadRequestAsync()
    {
        var head = await ReadHeadAsync();
        return head + await ReadBodyAsync(head);
    }

    /// <summary>The body that belongs to that head, as it came.</summary>
    public async Task<string> ReadBodyAsync(string head)
    {
        if (head.Contains("Transfer-Encoding: chunked", StringComparison.OrdinalIgnoreCase))
        {
            var end = await ReadUntilAsync("0\r\n");
            while (!end.EndsWith("\n0\r\n", StringComparison.Ordinal) && end.Length != 3 && end.Length > 0)
            {
                var more = await ReadUntilAsync("0\r\n");
                end = more.Length == 0 ? "" : end + more;
            }
            return end + await ReadUntilAsync("\r\n");
        }
        var at = head.IndexOf("Content-Length: ", StringComparison.OrdinalIgnoreCase);
        return at < 0 ? "" : await ReadAsync(int.Parse(head.AsSpan(at + 16, head.IndexOf('\r', at) - at - 16)));
    }

    /// <summary>Reads and forgets up to so many bytes; how many came.</summary>
    public async Task<int> DiscardAsync(int most)
    {
        if (unread.Length > 0)
        {
            return Take(Math.Min(most, unread.Length)).Length;
        }
        return await socket.ReceiveAsync(buffer.AsMemory(0, Math.Min(most, buffer.Length)));
    }

    /// <summary>Reads and forgets until the caller closes or resets; how many bytes came.</summary>
    public async Task<long> DrainAsync()
    {
        long count = unread.Length;
        unread = "";
        try
        {
            while (await socket.ReceiveAsync(buffer).WaitAsync(ScriptedUpstream.Patience) is > 0 and var received)
            {
                count += received;
            }
        }
        catch (SocketException)
        {
            // A reset is an end too.
        }
        return count;
    }

    /// <summary>Writes Latin-1 text as it stands.</summary>
    public Task WriteAsync(string text) => WriteAsync(Encoding.Latin1.GetBytes(text));

    public async Task WriteAsync(ReadOnlyMemory<byte> bytes) => await socket.SendAsync(bytes);

    /// <summary>Ends what is sent; still receives.</summary>
    public void EndSending() => socket.Shutdown(SocketShutdown.Send);

    /// <summary>Closes the orderly way.</summary>
    public void Close()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed already.
        }
        socket.Dispose();
    }

    /// <summary>Resets the connection.</summary>
    public void Reset() => socket.Close(0);

    private string Take(int count)
    {
        var text = unread[..count];
        unread = unread[count..];
        return text;
    }

    private async Task<bool> ReceiveAsync()
    {
        var count = await socket.ReceiveAsync(buffer).WaitAsync(ScriptedUpstream.Patience);
        unread += Encoding.Latin1.GetString(buffer, 0, count);
        return count > 0;
    }
}
