using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Postern.Upstreams.Resolving;

/// <summary>A name that can't be resolved now; the message says why.</summary>
internal sealed class DnsException(string message) : Exception(message);

/// <summary>
/// Asks name servers, one after the other, each twice, until one answers: by a datagram, and over TCP where the answer is too long
/// for one. The platform's own look-up doesn't tell how long an answer may be believed, and knows no SRV.
/// </summary>
internal sealed class DnsClient(IReadOnlyList<IPEndPoint> servers, TimeSpan timeout, TimeProvider time)
{
    private const int Rounds = 2;
    private const int NoSuchName = 3;

    /// <summary>What the first server says that knows: success, or that there is no such name.</summary>
    public async Task<DnsAnswer> AskAsync(string name, DnsType type, CancellationToken cancel)
    {
        var failures = new List<string>();
        for (var i = 0; i < servers.Count * Rounds; i++)
        {
            var server = servers[i % servers.Count];
            using var timer = new CancellationTokenSource(timeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancel);
            try
            {
                var id = (ushort)RandomNumberGenerator.GetInt32(ushort.MaxValue + 1);
                var answer = await OverUdpAsync(server, id, name, type, either.Token).ConfigureAwait(false);
                if (answer.IsCut)
                {
                    answer = await OverTcpAsync(server, id, name, type, either.Token).ConfigureAwait(false);
                }
                if (answer.Code is 0 or NoSuchName)
                {
                    return answer;
                }
                failures.Add($"{server} answered with error {answer.Code}");
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                failures.Add($"{server} did not answer in time");
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                failures.Add($"{server}: {e.Message}");
            }
        }
        throw new DnsException(string.Join("; ", failures.Distinct()));
    }

    private static async Task<DnsAnswer> OverUdpAsync(IPEndPoint server, ushort id, string name, DnsType type, CancellationToken cancel)
    {
        // A socket of its own for each question: what comes in must come from the server, to a port that nobody could foresee.
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server, cancel).ConfigureAwait(false);
        await socket.SendAsync(DnsMessage.Query(id, name, type), SocketFlags.None, cancel).ConfigureAwait(false);
        var buffer = new byte[4 * DnsMessage.MaxDatagram];
        while (true)
        {
            var length = await socket.ReceiveAsync(buffer, SocketFlags.None, cancel).ConfigureAwait(false);
            if (DnsMessage.Read(buffer.AsSpan(0, length), id, name, type) is { } answer)
            {
                return answer;
            }
        }
    }

    private static async Task<DnsAnswer> OverTcpAsync(IPEndPoint server, ushort id, string name, DnsType type, CancellationToken cancel)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server, cancel).ConfigureAwait(false);
        using var stream = new NetworkStream(socket);
        var query = DnsMessage.Query(id, name, type);
        var framed = new byte[2 + query.Length];
        BinaryPrimitives.WriteUInt16BigEndian(framed, (ushort)query.Length);
        query.CopyTo(framed, 2);
        await stream.WriteAsync(framed, cancel).ConfigureAwait(false);
        await stream.ReadExactlyAsync(framed.AsMemory(0, 2), cancel).ConfigureAwait(false);
        var message = new byte[BinaryPrimitives.ReadUInt16BigEndian(framed)];
        await stream.ReadExactlyAsync(message, cancel).ConfigureAwait(false);
        return DnsMessage.Read(message, id, name, type) is { IsCut: false } answer ? answer : throw new IOException("the answer over TCP is none");
    }
}
