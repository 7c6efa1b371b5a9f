using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Postern.Tests.Harness;

namespace Postern.Tests.Server.Serving;

/// <summary>Reloads of the running command.</summary>
[Collection("tool")]
public sealed class ReloadUnderLoadTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_hundred_reloads_under_load_fail_no_request_and_a_WebSocket_lives_on()
    {
        await using var upstream = await WebUpstream.StartAsync();
        var config = folder.Write("postern.yaml", Config(upstream.Url, 0));
        await using var postern = await RunningTool.StartAsync("run", "--config", config);
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri(postern.Url.Replace("http:", "ws:", StringComparison.Ordinal) + "/web/ws"), CancellationToken.None);
        Assert.Equal("before", await EchoAsync(socket, "before"));

        using var stop = new CancellationTokenSource();
        var (served, failures) = (0, new ConcurrentQueue<string>());
        var clients = Enumerable.Range(0, 32).Select(i => Task.Run(() => AskAsync(postern.Url, new Version(i % 2 == 0 ? "1.1" : "2.0"), i % 4 < 2 ? HttpMethod.Get : HttpMethod.Post))).ToArray();
        using var admin = new HttpClient { BaseAddress = new Uri(postern.Admin) };
        for (var i = 1; i <= 100; i++)
        {
            // Each has other routes, another header and another bound, so other chains and another pool of connections.
            File.WriteAllText(config, Config(upstream.Url, i));
            if (i % 10 == 0)
            {
                var seen = Volatile.Read(ref served);
                postern.Signal(RunningTool.SigHup);
                await UntilAsync(async () => await VersionAsync(admin) > i && Volatile.Read(ref served) > seen);
                continue;
            }
            using var answer = await admin.PostAsync("/reload", null);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        await stop.CancelAsync();
        await Task.WhenAll(clients);
        Assert.Empty(failures);
        Assert.True(served > 1000, $"Only {served} requests.");
        Assert.Equal("after", await EchoAsync(socket, "after"));
        Assert.InRange(await VersionAsync(admin), 101, 102);

        async Task AskAsync(string url, Version version, HttpMethod method)
        {
            using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 })
            {
                Timeout = TimeSpan.FromSeconds(20),
            };
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    using var request = new HttpRequestMessage(method, $"{url}/web/a")
                    {
                        Version = version,
                        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                        Content = method == HttpMethod.Post ? new StringContent("a body") : null,
                    };
                    using var answer = await client.SendAsync(request, CancellationToken.None);
                    var body = await answer.Content.ReadAsStringAsync(CancellationToken.None);
                    if (answer.StatusCode == HttpStatusCode.OK && body == "upstream /a")
                    {
                        Interlocked.Increment(ref served);
                    }
                    else
                    {
                        failures.Enqueue($"{(int)answer.StatusCode} {body}");
                    }
                }
                catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
                {
                    failures.Enqueue($"{method} HTTP/{version}, {e.GetType().Name}: {e.Message}");
                }
            }
        }
    }

    [Fact]
    public async Task What_runs_and_why_something_older_runs_is_told_by_the_admin_port_and_the_log()
    {
        folder.Write("web.yaml", Gate("/web", "one"));
        folder.Write("mobile.yaml", Gate("/mobile", "one"));
        var config = folder.Write("postern.yaml", """
            version: 1
            listen: http://127.0.0.1:0
            admin: http://127.0.0.1:0
            drain: { delay: 0 }
            gates:
              web: { include: web.yaml }
              mobile: { include: mobile.yaml }
            """);
        await using var postern = await RunningTool.StartAsync("run", "--config", config);
        using var admin = new HttpClient { BaseAddress = new Uri(postern.Admin) };
        folder.Write("web.yaml", Gate("/web", "two").Replace("respond", "respnod", StringComparison.Ordinal));
        folder.Write("mobile.yaml", Gate("/mobile", "two"));
        await postern.SaysAsync("Gate web keeps its last good configuration:");
        // On lines of their own, as check prints them.
        await postern.SaysAsync($"\n{folder["web.yaml"]}:5:5: routes[0]: unknown key 'respnod'");

        using var json = JsonDocument.Parse(await admin.GetStringAsync("/config"));
        var (web, mobile) = (json.RootElement.GetProperty("gates")[0], json.RootElement.GetProperty("gates")[1]);
        Assert.Equal((1, 2), (web.GetProperty("version").GetInt32(), mobile.GetProperty("version").GetInt32()));
        Assert.True(web.GetProperty("since").GetDateTimeOffset() < mobile.GetProperty("since").GetDateTimeOffset());
        Assert.Equal(folder["web.yaml"], web.GetProperty("file").GetString());
        Assert.Contains("respnod", web.GetProperty("lastError").GetProperty("problems")[0].GetString(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, mobile.GetProperty("lastError").ValueKind);
        Assert.Contains("postern_gate_stale{gate=\"web\"} 1\n", await admin.GetStringAsync("/metrics"), StringComparison.Ordinal);

        using (var client = new HttpClient { BaseAddress = new Uri(postern.Url) })
        {
            Assert.Equal("one", await client.GetStringAsync("/web/a"));
            Assert.Equal("two", await client.GetStringAsync("/mobile/a"));
        }
        postern.Signal(RunningTool.SigTerm);
        Assert.Equal(0, await postern.ExitAsync());
    }

    [Fact]
    public async Task A_change_that_takes_a_restart_is_named()
    {
        var text = "version: 1\nlisten: http://127.0.0.1:0\nadmin: http://127.0.0.1:0\ndrain: { delay: 0 }\ngates: { web: { identity: off, routes: [{ get: /a, respond: 200 }] } }\n";
        var config = folder.Write("postern.yaml", text);
        await using var postern = await RunningTool.StartAsync("run", "--config", config);
        folder.Write("postern.yaml", text.Replace("delay: 0", "delay: 9s", StringComparison.Ordinal).Replace("listen: http://127.0.0.1:0", "listen: { url: \"http://127.0.0.1:0\", limits: { headCount: 7 } }", StringComparison.Ordinal));
        await postern.SaysAsync("Changed, but takes effect after a restart only: listen, drain");
        postern.Signal(RunningTool.SigTerm);
        Assert.Equal(0, await postern.ExitAsync());
    }

    private static string Config(string upstream, int i) => $$"""
        version: 1
        listen: http://127.0.0.1:0
        admin: http://127.0.0.1:0
        telemetry: { accessLog: off }
        upstreams:
          service: { url: "{{upstream}}", maxConnections: {{100 + (i % 3)}} }
        gates:
          web:
            match: { path: /web }
            headers: { request: { set: { X-Version: "{{i}}" } } }
            identity: off
            routes:
              - any: /a
                to: http://service/a
              - get: /b{{i}}
                to: http://service/b
              - get: /ws
                to: http://service/ws
        """;

    private static string Gate(string path, string body) => $"match: {{ path: {path} }}\nidentity: off\nroutes:\n  - get: /a\n    respond: {{ status: 200, body: {body} }}\n";

    private static async Task<int> VersionAsync(HttpClient admin)
    {
        using var json = JsonDocument.Parse(await admin.GetStringAsync("/config"));
        return json.RootElement.GetProperty("gates")[0].GetProperty("version").GetInt32();
    }

    private static async Task<string> EchoAsync(WebSocket socket, string text)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, patience.Token);
        var buffer = new byte[100];
        var got = await socket.ReceiveAsync(buffer, patience.Token);
        return Encoding.UTF8.GetString(buffer, 0, got.Count);
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await holds())
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }
}
