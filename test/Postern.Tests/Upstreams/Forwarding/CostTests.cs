using System.Diagnostics;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Postern.Pipeline;
using Postern.Tests.Harness;
using Postern.Wire;

namespace Postern.Tests.Upstreams.Forwarding;

/// <summary>What a call costs when nothing goes wrong.</summary>
[Collection(nameof(CostTests))]
[CollectionDefinition(nameof(CostTests), DisableParallelization = true)]
public sealed class CostTests
{
    private static readonly byte[] Answer = System.Text.Encoding.ASCII.GetBytes(
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 21 Nov 2026 20:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 170\r\nConnection: keep-alive\r\n\r\n" + new string('x', 170));

    [Fact]
    public async Task A_warm_call_allocates_little()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var caller = new Caller($"http://{listener.LocalEndPoint}");
        var serving = Serve(listener);
        using var cancel = new CancellationTokenSource();
        // Code not yet compiled for speed allocates more, and so do others in this process; the leanest round is the calls' own need.
        const int calls = 2_000;
        const int limit = 664; // a call needs 620; what the test host does meanwhile is counted too
        var (least, watch) = (double.MaxValue, Stopwatch.StartNew());
        while (least > limit && watch.Elapsed < 3 * ScriptedUpstream.Patience)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            await Task.Run(() => CallAsync(caller, calls, cancel.Token));   // away from the test's own scheduler
            least = Math.Min(least, (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)calls);
        }
        TestContext.Current.SendDiagnosticMessage($"{least:F0} bytes a call");
        Assert.InRange(least, 0, limit);
        caller.Dispose();
        Assert.True(serving.Join(ScriptedUpstream.Patience));
    }

    [Fact]
    public async Task A_long_body_streams_in_little_memory_both_ways()
    {
        const long size = 200L * 1024 * 1024;
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            var piece = new byte[64 * 1024];
            for (var left = size; left > 0; left -= await connection.DiscardAsync((int)Math.Min(left, piece.Length)))
            {
            }
            await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
            for (var left = size; left > 0; left -= piece.Length)
            {
                await connection.WriteAsync(piece);
            }
            await connection.DrainAsync();
        });
        using var caller = new Caller(upstream.Url);
        var pipe = new Pipe();
        var call = caller.Call("POST");
        (call.Body, call.BodyLength) = (pipe.Reader, size);
        var before = GC.GetTotalAllocatedBytes();
        var writing = Task.Run(async () =>
        {
            for (var left = size; left > 0; left -= 16384)
            {
                pipe.Writer.GetMemory(16384);
                pipe.Writer.Advance(16384);
                await pipe.Writer.FlushAsync();
            }
            await pipe.Writer.CompleteAsync();
        });
        var reply = await caller.SendAsync(call);
        await writing;
        var received = 0L;
        while (await reply.ReadAsync() is { Length: > 0 } piece)
        {
            received += piece.Length;
        }
        await reply.FinishAsync();
        Assert.Equal(size, received);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, size / 10);
    }

    private static async Task CallAsync(Caller caller, int count, CancellationToken cancel)
    {
        var fields = new FieldList();   // a proxied request keeps its own
        for (var i = 0; i < count; i++)
        {
            fields.Clear();
            var call = new UpstreamCall { Target = "/products/1", Destination = caller.Destination, Fields = fields };
            call.Fields.Add("Accept", "*/*");
            call.Fields.Add("User-Agent", "test");
            var reply = (UpstreamReply)await caller.Chain.SendAsync(call, cancel);
            while (await reply.ReadAsync() is { Length: > 0 })
            {
            }
            await reply.FinishAsync();
        }
    }

    /// <summary>Answers from a thread that blocks and allocates nothing, so that only the caller's side is counted.</summary>
    private static Thread Serve(Socket listener)
    {
        var thread = new Thread(() =>
        {
            using var socket = listener.Accept();
            var buffer = new byte[4096];
            while (socket.Receive(buffer) > 0)
            {
                socket.Send(Answer);
            }
        });
        thread.Start();
        return thread;
    }
}
