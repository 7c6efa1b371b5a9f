using System.Net.Sockets;
using System.Text;
using Postern.Tests.Harness;

namespace Postern.Tests.Backends.Proxying.Reworking;

/// <summary>Counts the bytes of the whole process, so nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(LargeAnswerTests), DisableParallelization = true)]
[Collection(nameof(LargeAnswerTests))]
public sealed class LargeAnswerTests
{
    private const int Megabyte = 1 << 20;

    [Theory]
    [InlineData("drop: [\"[].debugInfo\"]")]
    [InlineData("pick: [\"[].id\", \"[].name\"]\nrename: { \"[].id\": number }")]
    public async Task Fifty_megabytes_are_trimmed_in_next_to_no_memory(string keys)
    {
        var entries = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 5000).Select(i => $$$"""{"id":{{{i}}},"name":"Entry {{{i}}}","debugInfo":{"trace":["a","b"],"text":"{{{new string('x', 60)}}}"}},""")));
        var rounds = (50 * Megabyte / entries.Length) + 1;
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequestAsync() is { Length: > 0 })
            {
                await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {((long)entries.Length * rounds) + 4}\r\n\r\n[");
                for (var i = 0; i < rounds; i++)
                {
                    await connection.WriteAsync(entries);
                }
                await connection.WriteAsync("{}]");
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: keys);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.ReceiveTimeout = 30_000;
        await socket.ConnectAsync("127.0.0.1", gateway.Port);
        var buffer = new byte[64 * 1024];
        // The first one makes the code run, and fills the pools.
        await Task.Run(() => Ask(socket, buffer));

        var before = GC.GetTotalAllocatedBytes(precise: true);
        var received = await Task.Run(() => Ask(socket, buffer));
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;

        TestContext.Current.SendDiagnosticMessage("{0} bytes allocated for {1}", allocated, received);
        Assert.InRange(received, 5 * Megabyte, 30 * Megabyte);
        Assert.InRange(allocated, 0, 2 * Megabyte);
    }

    /// <summary>One request, and how many bytes came up to the end of the answer.</summary>
    private static long Ask(Socket socket, byte[] buffer)
    {
        socket.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"u8);
        long count = 0;
        var kept = 0;
        while (true)
        {
            var read = socket.Receive(buffer, kept, buffer.Length - kept, SocketFlags.None);
            Assert.NotEqual(0, read);
            count += read;
            var there = buffer.AsSpan(0, kept + read);
            if (there.EndsWith("]\r\n0\r\n\r\n"u8))
            {
                return count;
            }
            kept = Math.Min(16, there.Length);
            there[^kept..].CopyTo(buffer);
        }
    }
}
