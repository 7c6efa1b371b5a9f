using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Postern.Tests.Server;

/// <summary>Three instances behind HAProxy in TCP mode, restarted one after the other under load.</summary>
public sealed class RollingRestartTests
{
    private static string Config(int port, int admin) => $$"""
        version: 1
        listen: http://127.0.0.1:{{port}}
        admin: http://127.0.0.1:{{admin}}
        drain: { delay: 1500ms, timeout: 10s }
        telemetry: { accessLog: { to: stdout } }
        gates:
          web:
            identity: off
            routes:
              - get: /hi
                respond: { status: 200, body: hello }
        """;

    [Fact]
    public async Task A_rolling_restart_fails_no_request()
    {
        Assert.SkipUnless(File.Exists("/usr/sbin/haproxy"), "HAProxy is not installed (Debian: haproxy).");
        var ports = FreePorts(7);
        var instances = new PosternProcess[3];
        for (var i = 0; i < 3; i++)
        {
            instances[i] = await PosternProcess.StartAsync(Config(ports[i], ports[3 + i]));
        }
        using var haproxy = await BalanceAsync(ports);
        using var stop = new CancellationTokenSource();
        try
        {
            var (served, reconnects, failures) = (0, 0, new ConcurrentQueue<string>());
            var clients = Enumerable.Range(0, 12).Select(i => Task.Run(() => AskAsync(
                ports[6], pause: i % 3 == 0 ? 20 : 0, stop.Token, () => Interlocked.Increment(ref served), () => Interlocked.Increment(ref reconnects), failures.Enqueue))).ToArray();
            for (var i = 0; i < 3; i++)
            {
                var before = Volatile.Read(ref served);
                instances[i].Signal("TERM");
                Assert.Equal(0, await instances[i].ExitAsync());
                await instances[i].DisposeAsync();
                instances[i] = await PosternProcess.StartAsync(Config(ports[i], ports[3 + i]));
                await UntilReadyAsync(ports[3 + i]);
                Assert.True(Volatile.Read(ref served) > before, "No load.");
            }
            await stop.CancelAsync();
            await Task.WhenAll(clients);
            Assert.Empty(failures);
            Assert.True(reconnects > 0, "No client was ever sent elsewhere.");
        }
        finally
        {
            await stop.CancelAsync();
            haproxy.Kill();
            foreach (var instance in instances)
            {
                await instance.DisposeAsync();
            }
        }
    }

    /// <summary>A client that tries nothing twice: it keeps its connection until it is told to close, and a connection that
    /// ends otherwise is a failed request.</summary>
    private static async Task AskAsync(int port, int pause, CancellationToken stop, Action answered, Action reconnecting, Action<string> failed)
    {
        var request = Encoding.ASCII.GetBytes("GET /hi HTTP/1.1\r\nHost: a\r\n\r\n");
        var buffer = new byte[4096];
        using var timer = pause > 0 ? new PeriodicTimer(TimeSpan.FromMilliseconds(pause)) : null;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var tcp = new TcpClient { NoDelay = true };
                await tcp.ConnectAsync(IPAddress.Loopback, port, CancellationToken.None);
                var stream = tcp.GetStream();
                var closes = false;
                while (!closes && !stop.IsCancellationRequested)
                {
                    await stream.WriteAsync(request, CancellationToken.None);
                    var answer = "";
                    while (!answer.EndsWith("hello", StringComparison.Ordinal))
                    {
                        var read = await stream.ReadAsync(buffer, CancellationToken.None).AsTask().WaitAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
                        if (read == 0)
                        {
                            throw new IOException($"The connection ended after '{answer}'.");
                        }
                        answer += Encoding.ASCII.GetString(buffer, 0, read);
                    }
                    answered();
                    closes = answer.Contains("Connection: close", StringComparison.OrdinalIgnoreCase);
                    if (timer is not null)
                    {
                        await timer.WaitForNextTickAsync(CancellationToken.None);
                    }
                }
                reconnecting();
            }
            catch (Exception e) when (e is IOException or SocketException or TimeoutException)
            {
                failed(e.Message);
            }
        }
    }

    private static async Task<Process> BalanceAsync(int[] ports)
    {
        var folder = Directory.CreateTempSubdirectory("postern-haproxy").FullName;
        var config = Path.Combine(folder, "haproxy.cfg");
        await File.WriteAllTextAsync(config, $"""
            defaults
              mode tcp
              timeout connect 1s
              timeout client 30s
              timeout server 30s
            frontend in
              bind 127.0.0.1:{ports[6]}
              default_backend gateways
            backend gateways
              balance roundrobin
              option httpchk GET /readyz
              server a 127.0.0.1:{ports[0]} check port {ports[3]} inter 100ms fall 2 rise 1
              server b 127.0.0.1:{ports[1]} check port {ports[4]} inter 100ms fall 2 rise 1
              server c 127.0.0.1:{ports[2]} check port {ports[5]} inter 100ms fall 2 rise 1

            """);
        var haproxy = Process.Start(new ProcessStartInfo("/usr/sbin/haproxy") { ArgumentList = { "-db", "-q", "-f", config } })!;
        await UntilConnectedAsync(ports[6]);
        Directory.Delete(folder, recursive: true);
        return haproxy;
    }

    private static async Task UntilConnectedAsync(int port)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (true)
        {
            try
            {
                using var tcp = new TcpClient();
                await tcp.ConnectAsync(IPAddress.Loopback, port, patience.Token);
                return;
            }
            catch (SocketException)
            {
                await timer.WaitForNextTickAsync(patience.Token);
            }
        }
    }

    /// <summary>Until the balancer, too, may have noticed: it looks every 100 ms.</summary>
    private static async Task UntilReadyAsync(int admin)
    {
        using var client = new HttpClient();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        for (var i = 0; i < 5; i++)
        {
            await timer.WaitForNextTickAsync();
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync($"http://127.0.0.1:{admin}/readyz")).StatusCode);
        }
    }

    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        listeners.ForEach(l => l.Start());
        var ports = listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port).ToArray();
        listeners.ForEach(l => l.Stop());
        return ports;
    }
}
