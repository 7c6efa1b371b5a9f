using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Postern.Upstreams.Resolving;

namespace Postern.Tests.Upstreams.Resolving;

/// <summary>A name server on a free loopback port, by UDP and TCP, that says what a test told it.</summary>
internal sealed class DnsPeer : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly Socket udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Socket tcp = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Dictionary<(string Name, DnsType Type), List<byte[]>> records = [];
    private readonly List<byte[]> additional = [];
    private readonly List<(string Name, DnsType Type, bool OverTcp)> asked = [];
    private readonly SemaphoreSlim questions = new(0);
    private readonly Task serving;

    public DnsPeer()
    {
        tcp.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        tcp.Listen(16);
        udp.Bind(tcp.LocalEndPoint!);
        serving = Task.WhenAll(ServeUdpAsync(), ServeTcpAsync());
    }

    public IPEndPoint Address => (IPEndPoint)tcp.LocalEndPoint!;

    /// <summary>As a configuration names it.</summary>
    public string Server => Address.ToString();

    /// <summary>The error that every question is answered with; 0 for none.</summary>
    public int Code { get; set; }

    /// <summary>Whether it says nothing at all.</summary>
    public bool IsSilent { get; set; }

    /// <summary>The type of records about which it says nothing.</summary>
    public DnsType? SilentFor { get; set; }

    /// <summary>The type of records for which it has only an error.</summary>
    public DnsType? FailsFor { get; set; }

    /// <summary>Whether answers are too long for a datagram.</summary>
    public bool Cuts { get; set; }

    /// <summary>What is sent before each answer by UDP, made from the question.</summary>
    public Func<byte[], byte[]>? Before { get; set; }

    /// <summary>Every question so far.</summary>
    public IReadOnlyList<(string Name, DnsType Type, bool OverTcp)> Asked
    {
        get
        {
            lock (gate)
            {
                return [.. asked];
            }
        }
    }

    /// <summary>Done when it has been asked once more.</summary>
    public async Task UntilAskedAsync(int times = 1)
    {
        for (var i = 0; i < times; i++)
        {
            Assert.True(await questions.WaitAsync(Patience), "Nobody asks.");
        }
    }

    /// <summary>From now on the name has these addresses, and no others of their family.</summary>
    public void Say(string name, uint ttl, params string[] addresses)
    {
        lock (gate)
        {
            foreach (var type in new[] { DnsType.A, DnsType.Aaaa })
            {
                records[(name, type)] = [.. addresses.Select(IPAddress.Parse)
                    .Where(a => a.AddressFamily == AddressFamily.InterNetworkV6 == (type == DnsType.Aaaa)).Select(a => Record(name, type, ttl, a.GetAddressBytes()))];
            }
        }
    }

    /// <summary>From now on one name is another.</summary>
    public void Alias(string name, uint ttl, string other)
    {
        lock (gate)
        {
            foreach (var type in new[] { DnsType.A, DnsType.Aaaa })
            {
                records[(name, type)] = [Record(name, DnsType.Cname, ttl, Name(other)), .. records.GetValueOrDefault((other, type), [])];
            }
        }
    }

    /// <summary>From now on the service is at these places.</summary>
    public void Services(string name, uint ttl, params (int Priority, int Weight, int Port, string Target)[] places)
    {
        lock (gate)
        {
            records[(name, DnsType.Srv)] = [.. places.Select(p =>
            {
                var data = new byte[6];
                BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)p.Priority);
                BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(2), (ushort)p.Weight);
                BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(4), (ushort)p.Port);
                return Record(name, DnsType.Srv, ttl, [.. data, .. Name(p.Target)]);
            })];
        }
    }

    /// <summary>Every answer brings this address unasked.</summary>
    public void Add(string name, uint ttl, string address)
    {
        lock (gate)
        {
            additional.Add(Record(name, DnsType.A, ttl, IPAddress.Parse(address).GetAddressBytes()));
        }
    }

    public async ValueTask DisposeAsync()
    {
        udp.Dispose();
        tcp.Dispose();
        await serving.WaitAsync(Patience);
    }

    private async Task ServeUdpAsync()
    {
        var buffer = new byte[1500];
        try
        {
            while (true)
            {
                var got = await udp.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0));
                var question = buffer[..got.ReceivedBytes];
                if (Before is not null)
                {
                    await udp.SendToAsync(Before(question), got.RemoteEndPoint);
                }
                if (Answer(question, overTcp: false) is { } answer)
                {
                    await udp.SendToAsync(answer, got.RemoteEndPoint);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private async Task ServeTcpAsync()
    {
        try
        {
            while (true)
            {
                using var socket = await tcp.AcceptAsync();
                using var stream = new NetworkStream(socket);
                var length = new byte[2];
                await stream.ReadExactlyAsync(length);
                var question = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
                await stream.ReadExactlyAsync(question);
                var answer = Answer(question, overTcp: true)!;
                BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)answer.Length);
                await stream.WriteAsync(length);
                // In two pieces, as it may well come.
                await stream.WriteAsync(answer.AsMemory(0, 5));
                await stream.WriteAsync(answer.AsMemory(5));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
        {
            // Disposed.
        }
    }

    private byte[]? Answer(byte[] question, bool overTcp)
    {
        var (labels, at) = (new List<string>(), 12);
        while (question[at] != 0)
        {
            labels.Add(Encoding.ASCII.GetString(question, at + 1, question[at]));
            at += 1 + question[at];
        }
        var (name, type) = (string.Join('.', labels), (DnsType)BinaryPrimitives.ReadUInt16BigEndian(question.AsSpan(at + 1)));
        lock (gate)
        {
            asked.Add((name, type, overTcp));
            questions.Release();
            if (IsSilent || type == SilentFor)
            {
                return null;
            }
            var known = records.Keys.Any(k => k.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
            var cut = Cuts && !overTcp;
            var own = cut || Code != 0 || type == FailsFor ? [] : records.GetValueOrDefault((name, type), []);
            var added = cut || Code != 0 ? [] : additional;
            byte[] head = [.. question[..2], (byte)(0x81 | (cut ? 2 : 0)), (byte)(0x80 | (type == FailsFor ? 2 : Code != 0 ? Code : known ? 0 : 3)), 0, 1, (byte)(own.Count >> 8), (byte)own.Count, 0, 0, 0, (byte)added.Count];
            return [.. head, .. question[12..(at + 5)], .. own.SelectMany(r => r), .. added.SelectMany(r => r)];
        }
    }

    private static byte[] Record(string name, DnsType type, uint ttl, byte[] data)
    {
        var middle = new byte[10];
        BinaryPrimitives.WriteUInt16BigEndian(middle, (ushort)type);
        middle[3] = 1;
        BinaryPrimitives.WriteUInt32BigEndian(middle.AsSpan(4), ttl);
        BinaryPrimitives.WriteUInt16BigEndian(middle.AsSpan(8), (ushort)data.Length);
        return [.. Name(name), .. middle, .. data];
    }

    private static byte[] Name(string name) => [.. name.Split('.', StringSplitOptions.RemoveEmptyEntries).SelectMany(l => new[] { (byte)l.Length }.Concat(Encoding.ASCII.GetBytes(l))), 0];
}
