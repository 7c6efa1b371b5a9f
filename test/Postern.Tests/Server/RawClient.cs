using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Postern.Tests.Server;

/// <summary>A client of bytes: sends what no HTTP client would, and sees what comes back.</summary>
internal sealed class RawClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private readonly TcpClient tcp = new() { NoDelay = true };
    private readonly List<byte> unread = [];

    public Stream Stream { get; private set; } = Stream.Null;

    public static async Task<RawClient> ConnectAsync(string url)
    {
        var client = new RawClient();
        var uri = new Uri(url.Replace("*", "127.0.0.1", StringComparison.Ordinal));
        await client.tcp.ConnectAsync(uri.Host.Trim('[', ']'), uri.Port);
        client.Stream = client.tcp.GetStream();
        return client;
    }

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(byte[] bytes) => await Stream.WriteAsync(bytes).AsTask().WaitAsync(Patience);

    /// <summary>Exactly so many bytes.</summary>
    public async Task<byte[]> ReadAsync(int count)
    {
        while (unread.Count < count)
        {
            Assert.True(await FillAsync(), $"The connection ended after {unread.Count} of {count} bytes: {Encoding.Latin1.GetString([.. unread])}");
        }
        var bytes = unread.GetRange(0, count).ToArray();
        unread.RemoveRange(0, count);
        return bytes;
    }

    /// <summary>One response with a Content-Length or none: its head, and its body.</summary>
    public async Task<(string Head, string Body)> ReadResponseAsync(bool hasBody = true)
    {
        var head = await ReadHeadAsync();
        var length = Field(head, "Content-Length");
        var body = hasBody && length is not null ? await ReadAsync(int.Parse(length, CultureInfo.InvariantCulture)) : [];
        return (head, Encoding.UTF8.GetString(body));
    }

    public async Task<string> ReadHeadAsync()
    {
        while (true)
        {
            var end = Encoding.Latin1.GetString([.. unread]).IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                return Encoding.Latin1.GetString(await ReadAsync(end + 4));
            }
            Assert.True(await FillAsync(), $"The connection ended within a head: {Encoding.Latin1.GetString([.. unread])}");
        }
    }

    /// <summary>What came until the other side closed; a reset counts as closed.</summary>
    public async Task<string> ReadToEndAsync()
    {
        try
        {
            while (await FillAsync())
            {
            }
        }
        catch (IOException)
        {
        }
        return Encoding.Latin1.GetString([.. unread]);
    }

    public static string? Field(string head, string name) => head.Split("\r\n")
        .FirstOrDefault(l => l.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))?[(name.Length + 1)..].Trim();

    public void Dispose() => tcp.Dispose();

    private async Task<bool> FillAsync()
    {
        var buffer = new byte[16 << 10];
        var read = await Stream.ReadAsync(buffer).AsTask().WaitAsync(Patience);
        unread.AddRange(buffer.AsSpan(0, read));
        return read > 0;
    }
}
