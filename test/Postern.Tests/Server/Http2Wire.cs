using System.Buffers.Binary;
using System.Text;

namespace Postern.Tests.Server;

/// <summary>HTTP/2 by hand, frame by frame.</summary>
internal sealed class Http2Wire(RawClient client) : IDisposable
{
    public const byte Data = 0, Headers = 1, Reset = 3, Settings = 4, GoAway = 7, WindowUpdate = 8;
    public const string Line = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    public sealed record Frame(byte Type, byte Flags, int Stream, byte[] Payload)
    {
        public bool EndsStream => (Flags & 1) != 0;

        public uint Number(int at = 0) => BinaryPrimitives.ReadUInt32BigEndian(Payload.AsSpan(at));
    }

    public static async Task<Http2Wire> ConnectAsync(string url)
    {
        var wire = new Http2Wire(await RawClient.ConnectAsync(url));
        await wire.client.SendAsync(Line);
        await wire.SendAsync(Settings, 0, 0, []);
        return wire;
    }

    private readonly RawClient client = client;

    public Task SendAsync(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        (frame[0], frame[1], frame[2]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return client.SendAsync(frame);
    }

    /// <summary>A whole GET, or (open) the head of a POST.</summary>
    public Task RequestAsync(int stream, string path = "/", bool open = false, params (string Name, string Value)[] fields)
    {
        var block = new List<byte>();
        foreach (var (name, value) in new[] { (":method", open ? "POST" : "GET"), (":scheme", "http"), (":authority", "a"), (":path", path) }.Concat(fields))
        {
            // A literal without indexing, name and value as they are (RFC 7541 §6.2.2).
            block.Add(0);
            Text(block, name);
            Text(block, value);
        }
        return SendAsync(Headers, (byte)(open ? 4 : 5), stream, [.. block]);
    }

    public Task ResetAsync(int stream) => SendAsync(Reset, 0, stream, [0, 0, 0, 8]);

    public async Task<Frame> ReadAsync()
    {
        var head = await client.ReadAsync(9);
        var payload = await client.ReadAsync(head[0] << 16 | head[1] << 8 | head[2]);
        return new Frame(head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload);
    }

    /// <summary>The next frame of that type (and stream), whatever comes before it.</summary>
    public async Task<Frame> UntilAsync(byte type, int? stream = null)
    {
        while (true)
        {
            var frame = await ReadAsync();
            if (frame.Type == type && (stream is null || frame.Stream == stream))
            {
                return frame;
            }
        }
    }

    /// <summary>Every frame until the connection ends.</summary>
    public async Task<IReadOnlyList<Frame>> ReadAllAsync()
    {
        var bytes = Encoding.Latin1.GetBytes(await client.ReadToEndAsync());
        var frames = new List<Frame>();
        for (var at = 0; at + 9 <= bytes.Length;)
        {
            var length = bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2];
            frames.Add(new Frame(bytes[at + 3], bytes[at + 4], BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at + 5)), bytes[(at + 9)..(at + 9 + length)]));
            at += 9 + length;
        }
        return frames;
    }

    public Task<string> ReadToEndAsync() => client.ReadToEndAsync();

    public void Dispose() => client.Dispose();

    private static void Text(List<byte> block, string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        if (bytes.Length < 127)
        {
            block.Add((byte)bytes.Length);
        }
        else
        {
            block.Add(127);
            var rest = bytes.Length - 127;
            while (rest >= 128)
            {
                block.Add((byte)(rest % 128 + 128));
                rest /= 128;
            }
            block.Add((byte)rest);
        }
        block.AddRange(bytes);
    }
}
