using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Server.Listening;
using Postern.Server.Serving;

namespace Postern.Tests.Backends.Proxying;

/// <summary>What a proxied request leaves for the collector. The number only falls.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
[Collection(nameof(AllocationTests))]
public sealed class AllocationTests
{
    private const int BytesPerRequest = 1800;

    private const int WarmUp = 20_000;
    private const int Measured = 5_000;

    /// <summary>What may come on top of it where everything guards the upstream and nothing fails.</summary>
    private const int BytesOfGuarding = 200;

    [Fact]
    public async Task A_proxied_request_allocates_less_than_its_budget()
    {
        var bytes = await BytesAsync("");
        TestContext.Current.SendDiagnosticMessage("{0} bytes per proxied request", bytes);
        Assert.InRange(bytes, 1, BytesPerRequest);
    }

    [Fact]
    public async Task Health_checks_breaker_retries_and_bulkhead_allocate_little_more_while_nothing_fails()
    {
        var plain = await BytesAsync("");
        foreach (var part in new[] { "health: { path: /, passive: {} }", "breaker: {}", "tryTimeout: 1s", "retry: 2", "maxConcurrent: 512" })
        {
            TestContext.Current.SendDiagnosticMessage("{0} bytes more for {1}", await BytesAsync(part) - plain, part);
        }
        var guarded = await BytesAsync("timeout: 3s, tryTimeout: 1s, health: { path: /, passive: {} }, breaker: {}, retry: 2, maxConcurrent: 512");
        TestContext.Current.SendDiagnosticMessage("{0} bytes more for all of it", guarded - plain);
        Assert.InRange(guarded - plain, long.MinValue, BytesOfGuarding);
    }

    /// <summary>Bytes for each request that is sent to one of two destinations.</summary>
    private static async Task<long> BytesAsync(string guards)
    {
        using Listening one = new(), other = new();
        var answering = new[] { one, other }.Select(l => Task.Factory.StartNew(() => Answer(l.Socket), TaskCreationOptions.LongRunning)).ToArray();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, $$"""
            version: 1
            listen: http://127.0.0.1:0
            telemetry: { accessLog: /dev/null }
            upstreams: { up: { urls: ["http://127.0.0.1:{{one.Port}}", "http://127.0.0.1:{{other.Port}}"]{{(guards.Length > 0 ? ", " : "")}}{{guards}} } }
            gates: { web: { match: { path: /web }, identity: off, routes: [{ get: "/items/{id}", to: "http://up/api/items/{id}" }] } }
            """);
        var (gateway, problems) = OpenedGateway.Open(file, NullLoggerFactory.Instance, TimeProvider.System);
        Assert.Empty(problems);
        try
        {
            await using var traffic = new TrafficServer(gateway!.Listen, gateway.Handle, NullLoggerFactory.Instance, TimeProvider.System);
            await traffic.StartAsync();
            var port = new Uri(traffic.Urls[0]).Port;
            return await Task.Factory.StartNew(() => Measure(port), TaskCreationOptions.LongRunning);
        }
        finally
        {
            await gateway!.StopAsync();
            File.Delete(file);
            one.Dispose();
            other.Dispose();
            await Task.WhenAll(answering);
        }
    }

    /// <summary>A client that allocates nothing itself: blocking calls on one buffer.</summary>
    private static long Measure(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 10_000 };
        socket.Connect(IPAddress.Loopback, port);
        var request = "GET /web/items/7?full=1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: test/1.0\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\nCookie: a=b\r\n\r\n"u8.ToArray();
        var buffer = new byte[8192];
        Send(WarmUp);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        Send(Measured);
        return (GC.GetTotalAllocatedBytes(precise: true) - before) / Measured;

        void Send(int count)
        {
            for (var i = 0; i < count; i++)
            {
                socket.Send(request);
                var length = 0;
                while (!buffer.AsSpan(0, length).EndsWith("stock\":12}"u8))
                {
                    var received = socket.Receive(buffer, length, buffer.Length - length, SocketFlags.None);
                    if (received == 0)
                    {
                        throw new IOException("The gateway closed the connection.");
                    }
                    length += received;
                }
            }
        }
    }

    /// <summary>An upstream on the same terms, for as long as connections come: the gateway's, and those of its probes.</summary>
    private static void Answer(Socket listener)
    {
        try
        {
            while (true)
            {
                var connection = listener.Accept();
                _ = Task.Factory.StartNew(() => AnswerOn(connection), TaskCreationOptions.LongRunning);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private static void AnswerOn(Socket connection)
    {
        var answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 52\r\nServer: up\r\n\r\n{\"id\":7,\"name\":\"Standing Desk\",\"price\":9,\"stock\":12}"u8.ToArray();
        var buffer = new byte[8192];
        try
        {
            using (connection)
            {
                connection.NoDelay = true;
                var length = 0;
                while (connection.Receive(buffer, length, buffer.Length - length, SocketFlags.None) is > 0 and var received)
                {
                    length += received;
                    if (buffer.AsSpan(0, length).EndsWith("\r\n\r\n"u8))
                    {
                        connection.Send(answer);
                        length = 0;
                    }
                }
            }
        }
        catch (SocketException)
        {
            // The gateway has closed it.
        }
    }

    private sealed class Listening : IDisposable
    {
        public Listening()
        {
            Socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            Socket.Listen();
        }

        public Socket Socket { get; } = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

        public int Port => ((IPEndPoint)Socket.LocalEndPoint!).Port;

        public void Dispose() => Socket.Dispose();
    }
}
