using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Server.Listening;
using Postern.Server.Serving;
using Postern.Tests.Harness;

namespace Postern.Tests.Backends.Proxying;

/// <summary>What a proxied request leaves for the collector. The number only falls.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
[Collection(nameof(AllocationTests))]
public sealed class AllocationTests
{
    private const int BytesPerRequest = 1800;

    /// <summary>Three sources merged, with what says how whole the answer is.</summary>
    private const int BytesPerComposition = 5000;

    /// <summary>What may come on top of it where everything guards the upstream and nothing fails.</summary>
    private const int BytesOfGuarding = 200;

    private const string Guards = "timeout: 3s, tryTimeout: 1s, health: { path: /, passive: {} }, breaker: {}, retry: 2, maxConcurrent: 512";

    private const int WarmUp = 20_000;
    private const int Measured = 1_000;
    private const int Batches = 15;

    [Fact]
    public async Task A_proxied_request_allocates_less_than_its_budget()
    {
        var (bytes, _) = await MeasureAsync("");
        TestContext.Current.SendDiagnosticMessage("{0} bytes per proxied request", bytes);
        Assert.InRange(bytes, 1, BytesPerRequest);
    }

    [Fact]
    public async Task Health_checks_breaker_retries_and_bulkhead_allocate_little_more_while_nothing_fails()
    {
        var (plain, more) = await MeasureAsync(Guards);
        TestContext.Current.SendDiagnosticMessage("{0} bytes more than {1}", more, plain);
        Assert.InRange(more, -50, BytesOfGuarding);
    }

    [Fact]
    public async Task A_composition_of_three_sources_allocates_little_more_than_its_three_calls()
    {
        var (bytes, _) = await MeasureAsync("", "page");
        TestContext.Current.SendDiagnosticMessage("{0} bytes per composition of three", bytes);
        Assert.InRange(bytes, 1, BytesPerComposition);
    }

    /// <summary>
    /// Bytes for each request to an upstream with nothing but its two destinations, and how many more with <paramref name="guards"/>.
    /// Batches of both take turns, and neighbours are compared: how often an answer is there at once depends on what else the machine does.
    /// </summary>
    private static async Task<(long Bytes, long More)> MeasureAsync(string guards, string path = "items")
    {
        using Listening one = new(), other = new();
        var answering = new[] { one, other }.Select(l => Task.Factory.StartNew(() => Answer(l.Socket), TaskCreationOptions.LongRunning)).ToArray();
        var urls = $"urls: [\"http://127.0.0.1:{one.Port}\", \"http://127.0.0.1:{other.Port}\"]";
        using var folder = new TempFolder();
        var file = folder.Write("postern.yaml", $$"""
            version: 1
            listen: http://127.0.0.1:0
            telemetry: { accessLog: /dev/null }
            upstreams: { up: { {{urls}} }, guarded: { {{urls}}{{(guards.Length > 0 ? ", " : "")}}{{guards}} } }
            gates: { web: { match: { path: /web }, identity: off, routes: [{ get: "/items/{id}", to: "http://up/api/items/{id}" }, { get: "/other/{id}", to: "http://guarded/api/items/{id}" }, { get: "/page/{id}", meta: _meta, compose: { a: { get: http://up/a, timeout: 2s, required: true }, b: { get: http://up/b, timeout: 3s }, c: { get: http://up/c, timeout: 1500ms, fallback: [] } } }] } }
            """);
        var (gateway, problems) = OpenedGateway.Open(file, NullLoggerFactory.Instance, TimeProvider.System);
        Assert.Empty(problems);
        try
        {
            await using var traffic = new TrafficServer(gateway!.Listen, gateway.Handle, NullLoggerFactory.Instance, TimeProvider.System);
            await traffic.StartAsync();
            var port = new Uri(traffic.Urls[0]).Port;
            return await Task.Factory.StartNew(() => Measure(port, path, guards.Length > 0 ? Batches : 0), TaskCreationOptions.LongRunning);
        }
        finally
        {
            await gateway!.StopAsync();
            one.Dispose();
            other.Dispose();
            await Task.WhenAll(answering);
        }
    }

    private static (long Bytes, long More) Measure(int port, string path, int comparisons)
    {
        using Client plain = new(port, path), guarded = new(port, "other");
        plain.Send(WarmUp);
        guarded.Send(comparisons > 0 ? WarmUp : 0);
        var batches = Enumerable.Range(0, Batches).Select(i => (Plain: plain.Send(Measured), Guarded: i < comparisons ? guarded.Send(Measured) : 0)).ToArray();
        // What else this process does only adds to a batch; of a difference it may be on either side.
        return (At(batches.Select(b => b.Plain), Batches / 5), At(batches.Select(b => b.Guarded - b.Plain), Batches / 2));
    }

    private static long At(IEnumerable<long> values, int place) => values.Order().ElementAt(place);

    /// <summary>A client that allocates nothing itself: blocking calls on one buffer.</summary>
    private sealed class Client : IDisposable
    {
        private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 10_000 };
        private readonly byte[] request, buffer = new byte[8192];

        public Client(int port, string path)
        {
            socket.Connect(IPAddress.Loopback, port);
            request = Encoding.ASCII.GetBytes($"GET /web/{path}/7?full=1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: test/1.0\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\nCookie: a=b\r\n\r\n");
        }

        /// <summary>Sends so many requests one after the other, and returns the bytes that each took.</summary>
        public long Send(int count)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            for (var i = 0; i < count; i++)
            {
                socket.Send(request);
                var length = 0;
                while (!buffer.AsSpan(0, length).EndsWith("stock\":12}"u8) && !IsComposed(buffer.AsSpan(0, length)))
                {
                    var received = socket.Receive(buffer, length, buffer.Length - length, SocketFlags.None);
                    if (received == 0)
                    {
                        throw new IOException("The gateway closed the connection.");
                    }
                    length += received;
                }
            }
            return (GC.GetTotalAllocatedBytes(precise: true) - before) / Math.Max(1, count);
        }

        /// <summary>Only the end of all that says how whole it is has two braces.</summary>
        private static bool IsComposed(ReadOnlySpan<byte> answer) => answer.EndsWith("}}"u8);

        public void Dispose() => socket.Dispose();
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
