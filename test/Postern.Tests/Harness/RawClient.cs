using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Postern.Tests.Harness;

/// <summary>An answer as it came over an HTTP/1.1 connection; text is Latin-1, so every byte is one character.</summary>
internal sealed record RawAnswer(int Status, string Head, string Body, string Trailers)
{
    /// <summary>Every value of a field, in order.</summary>
    public IReadOnlyList<string> All(string name) => Fields(Head, name);

    /// <summary>The only value of a field, or null.</summary>
    public string? this[string name] => All(name) is { Count: > 0 } values ? Assert.Single(values) : null;

    /// <summary>Every value of a field in the lines of a head.</summary>
    public static IReadOnlyList<string> Fields(string head, string name) =>
        [.. head.Split("\r\n").Skip(1).Where(l => l.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)).Select(l => l[(name.Length + 1)..].Trim())];
}

/// <summary>A client that says every byte of its HTTP/1.1 itself.</summary>
internal sealed class RawClient : IDisposable
{
    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] buffer = new byte[64 * 1024];
    private readonly StringBuilder received = new();
    private int taken;

    public static async Task<RawClient> ConnectAsync(int port)
    {
        var client = new RawClient();
        await client.socket.ConnectAsync(IPAddress.Loopback, port);
        return client;
    }

    /// <summary>Sends Latin-1 text as it stands.</summary>
    public async Task SendAsync(string text)
    {
        for (var bytes = Encoding.Latin1.GetBytes(text).AsMemory(); bytes.Length > 0;)
        {
            bytes = bytes[await socket.SendAsync(bytes)..];
        }
    }

    /// <summary>Everything up to and with <paramref name="end"/>.</summary>
    public async Task<string> ReadUntilAsync(string end)
    {
        var searched = taken;
        while (true)
        {
            var text = received.ToString(searched, received.Length - searched);
            if (text.IndexOf(end, StringComparison.Ordinal) is >= 0 and var at)
            {
                return Take(searched + at + end.Length - taken);
            }
            searched = Math.Max(taken, received.Length - end.Length + 1);
            if (!await ReceiveAsync())
            {
                throw new IOException($"The connection ended before '{end}', after: {Take(received.Length - taken)}");
            }
        }
    }

    public async Task<string> ReadAsync(int count)
    {
        while (received.Length - taken < count)
        {
            if (!await ReceiveAsync())
            {
                throw new IOException($"The connection ended within {count} bytes, after: {Take(received.Length - taken)}");
            }
        }
        return Take(count);
    }

    public Task<string> ReadHeadAsync() => ReadUntilAsync("\r\n\r\n");

    /// <summary>A whole answer: by its length, its chunks, or up to the connection's end.</summary>
    public async Task<RawAnswer> ReadAnswerAsync(bool toHead = false)
    {
        var head = await ReadHeadAsync();
        var status = int.Parse(head.AsSpan(9, 3), CultureInfo.InvariantCulture);
        if (status < 200 && status != 101)
        {
            return await ReadAnswerAsync(toHead);
        }
        if (toHead || status is 101 or 204 or 304)
        {
            return new RawAnswer(status, head, "", "");
        }
        if (RawAnswer.Fields(head, "Transfer-Encoding") is ["chunked"])
        {
            var (body, trailers) = await ReadChunksAsync();
            return new RawAnswer(status, head, body, trailers);
        }
        return RawAnswer.Fields(head, "Content-Length") is [var length]
            ? new RawAnswer(status, head, await ReadAsync(int.Parse(length, CultureInfo.InvariantCulture)), "")
            : new RawAnswer(status, head, await ReadToEndAsync(), "");
    }

    /// <summary>What still comes until the connection ends, in whichever way.</summary>
    public async Task<string> ReadToEndAsync()
    {
        try
        {
            while (await ReceiveAsync())
            {
            }
        }
        catch (SocketException)
        {
            // A reset is an end too.
        }
        return Take(received.Length - taken);
    }

    /// <summary>Ends what is sent; still receives.</summary>
    public void EndSending() => socket.Shutdown(SocketShutdown.Send);

    /// <summary>Resets the connection.</summary>
    public void Reset() => socket.Close(0);

    public void Dispose() => socket.Dispose();

    private async Task<(string Body, string Trailers)> ReadChunksAsync()
    {
        var body = new StringBuilder();
        while (true)
        {
            var size = int.Parse((await ReadUntilAsync("\r\n")).TrimEnd(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            if (size == 0)
            {
                break;
            }
            body.Append(await ReadAsync(size));
            Assert.Equal("\r\n", await ReadAsync(2));
        }
        var trailers = new StringBuilder();
        while (await ReadUntilAsync("\r\n") is { Length: > 2 } line)
        {
            trailers.Append(line);
        }
        return (body.ToString(), trailers.ToString());
    }

    private string Take(int count)
    {
        var text = received.ToString(taken, count);
        taken += count;
        if (taken == received.Length)
        {
            received.Clear();
            taken = 0;
        }
        return text;
    }

    private async Task<bool> ReceiveAsync()
    {
        var count = await socket.ReceiveAsync(buffer).WaitAsync(TestGateway.Patience);
        received.Append(Encoding.Latin1.GetString(buffer, 0, count));
        return count > 0;
    }
}
