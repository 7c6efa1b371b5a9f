using System.Net;
using System.Net.Sockets;
using System.Text;
using Postern.Config;
using Postern.Edge.RateLimiting;
using Postern.Redis;
using Postern.Tests.Harness;

namespace Postern.Tests.Redis;

/// <summary>What is asked before anybody knows whether Redis is there.</summary>
public sealed class FirstLookTests
{
    [Fact]
    public async Task Who_has_patience_gets_an_answer_of_a_Redis_that_took_too_long_to_let_the_client_in()
    {
        await using var server = await RedisServer.StartAsync();
        await using var door = new Door(server.Port);
        await using var store = new RedisLimitStore(RedisConnection.Share(new RedisOptions { Url = $"redis://127.0.0.1:{door.Port}", Timeout = Stores.Patient }), "postern");

        var decision = await store.TakeAsync(Stores.Plan("p", Stores.Rule(LimitAlgorithm.FixedWindow, 10)), "key", 1);

        Assert.Equal((true, 9L), (decision.Passes, decision.Remaining));
        Assert.True(door.Held > 0, "The client was let in at once.");
    }

    /// <summary>Leads to Redis, but answers nobody until it was asked for no more than a sign of life.</summary>
    private sealed class Door : IAsyncDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource ending = new();
        private readonly Task serving;
        private readonly int redis;
        private int held;
        private volatile bool open;

        public Door(int redis)
        {
            this.redis = redis;
            listener.Start();
            serving = ServeAsync();
        }

        public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

        /// <summary>How many connections were left without an answer.</summary>
        public int Held => Volatile.Read(ref held);

        public async ValueTask DisposeAsync()
        {
            await ending.CancelAsync();
            listener.Dispose();
            await serving.WaitAsync(TestGateway.Patience);
            ending.Dispose();
        }

        private async Task ServeAsync()
        {
            var running = new List<Task>();
            try
            {
                while (true)
                {
                    running.Add(LeadAsync(await listener.AcceptTcpClientAsync(ending.Token)));
                }
            }
            catch (OperationCanceledException)
            {
                await Task.WhenAll(running);
            }
        }

        private async Task LeadAsync(TcpClient from)
        {
            using var client = from;
            using var to = new TcpClient();
            try
            {
                var first = new byte[4096];
                var length = await client.GetStream().ReadAsync(first, ending.Token);
                open |= Encoding.ASCII.GetString(first, 0, length).StartsWith("*1\r\n$4\r\nPING", StringComparison.Ordinal);
                if (!open)
                {
                    Interlocked.Increment(ref held);
                    await client.GetStream().CopyToAsync(Stream.Null, ending.Token);
                    return;
                }
                await to.ConnectAsync(IPAddress.Loopback, redis, ending.Token);
                await to.GetStream().WriteAsync(first.AsMemory(0, length), ending.Token);
                await Task.WhenAny(client.GetStream().CopyToAsync(to.GetStream(), ending.Token), to.GetStream().CopyToAsync(client.GetStream(), ending.Token));
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                // Either side has left.
            }
        }
    }
}
