using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Admitting;

/// <summary>Bounds on what is in progress, seen from outside: whole requests through a gateway.</summary>
public sealed class AdmittedRequestsTests
{
    [Fact]
    public async Task A_gate_counts_all_its_routes_together_and_another_gate_none_of_them()
    {
        await using var upstream = await HeldUpstream.StartAsync();
        await using var gateway = await TwoGatesAsync(upstream, "maxConcurrent: 2");
        using var client = gateway.Client();
        var (one, two) = (client.GetStringAsync("/mobile/a"), client.PostAsync("/mobile/b", new StringContent("x")));
        var arrivals = new[] { await upstream.NextAsync(), await upstream.NextAsync() };
        foreach (var path in new[] { "/mobile/a", "/mobile/b" })
        {
            using var refused = await client.GetAsync(path);
            Assert.Equal((503, "application/problem+json", 1.0), ((int)refused.StatusCode, refused.Content.Headers.ContentType!.ToString(), refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds));
            var problem = JsonDocument.Parse(await refused.Content.ReadAsStringAsync()).RootElement;
            Assert.Equal("too-many-at-once", problem.GetProperty("code").GetString());
        }
        var web = client.GetStringAsync("/web/a");
        (await upstream.NextAsync()).Answer();
        Assert.Equal("done", await web);
        var metrics = gateway.Metrics();
        Assert.Contains("postern_concurrency_requests{gate=\"mobile\"} 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("postern_concurrency_limit{gate=\"mobile\"} 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("postern_concurrency_refused_total{gate=\"mobile\",bound=\"gate\",reason=\"full\"} 2\n", metrics, StringComparison.Ordinal);
        var line = (await gateway.LogAsync(3))[0];
        Assert.Equal(("too-many-at-once", "maxConcurrent of the gate: all in use", 503), (line.GetProperty("failure").GetString(), line.GetProperty("reason").GetString(), line.GetProperty("status").GetInt32()));
        Array.ForEach(arrivals, a => a.Answer());
        await Task.WhenAll(one, two);
        await UntilAsync(gateway, "postern_concurrency_requests{gate=\"mobile\"} 0");
    }

    [Fact]
    public async Task A_route_with_a_bound_of_its_own_isn_t_counted_at_the_gate_nor_is_one_without()
    {
        await using var upstream = await HeldUpstream.StartAsync();
        await using var gateway = await TwoGatesAsync(upstream, "maxConcurrent: 1", """
            - { get: /export, to: "http://up/export", maxConcurrent: 1 }
            - { get: /export, when: { query: { full: "1" } }, to: "http://up/full", maxConcurrent: 1 }
            - { get: /live, to: "http://up/live", maxConcurrent: off }
            """);
        using var client = gateway.Client();
        var served = new List<Task<HttpResponseMessage>>();
        foreach (var path in new[] { "/mobile/a", "/mobile/export", "/mobile/export?full=1", "/mobile/live", "/mobile/live" })
        {
            served.Add(client.GetAsync(path));
        }
        var arrivals = new List<Arrival>();
        while (arrivals.Count < served.Count)
        {
            arrivals.Add(await upstream.NextAsync());
        }
        foreach (var path in new[] { "/mobile/b", "/mobile/export", "/mobile/export?full=1" })
        {
            using var refused = await client.GetAsync(path);
            Assert.Equal(503, (int)refused.StatusCode);
        }
        Assert.Contains("postern_concurrency_requests{gate=\"mobile\",route=\"GET /mobile/export\"} 1\n", gateway.Metrics(), StringComparison.Ordinal);
        Assert.Contains("postern_concurrency_refused_total{gate=\"mobile\",bound=\"route\",reason=\"full\"} 2\n", gateway.Metrics(), StringComparison.Ordinal);
        arrivals.ForEach(a => a.Answer());
        Assert.All(await Task.WhenAll(served), a => Assert.Equal(200, (int)a.StatusCode));
    }

    [Fact]
    public async Task The_queue_is_first_come_first_served_and_who_leaves_it_makes_room()
    {
        await using var upstream = await HeldUpstream.StartAsync();
        await using var gateway = await TwoGatesAsync(upstream, "maxConcurrent: { requests: 1, queue: 2, queueTimeout: 20s }");
        using var client = gateway.Client();
        var first = client.GetStringAsync("/mobile/1");
        var inside = await upstream.NextAsync();
        using var leaving = await gateway.ConnectAsync();
        await leaving.SendAsync("GET /mobile/2 HTTP/1.1\r\nHost: a\r\n\r\n");
        await UntilAsync(gateway, "postern_concurrency_queued{gate=\"mobile\"} 1");
        var third = client.GetStringAsync("/mobile/3");
        await UntilAsync(gateway, "postern_concurrency_queued{gate=\"mobile\"} 2");
        using (var refused = await client.GetAsync("/mobile/4"))
        {
            Assert.Equal(503, (int)refused.StatusCode);
        }
        leaving.Reset();
        await UntilAsync(gateway, "postern_concurrency_queued{gate=\"mobile\"} 1");
        var fifth = client.GetStringAsync("/mobile/5");
        await UntilAsync(gateway, "postern_concurrency_queued{gate=\"mobile\"} 2");
        Assert.False(upstream.HasNext);
        foreach (var (path, answer) in new[] { ("/1", first), ("/3", third), ("/5", fifth) })
        {
            Assert.Equal(path, inside.Path);
            inside.Answer(path);
            Assert.Equal(path, await answer);
            inside = path == "/5" ? inside : await upstream.NextAsync();
        }
        var metrics = await UntilAsync(gateway, "postern_concurrency_requests{gate=\"mobile\"} 0");
        Assert.Contains("postern_concurrency_queue_duration_seconds_count{gate=\"mobile\"} 3\n", metrics, StringComparison.Ordinal);
        Assert.Contains((await gateway.LogAsync(5)), l => l.TryGetProperty("failure", out var f) && f.GetString() == "client-gone");
    }

    [Fact]
    public async Task Who_waits_longer_than_the_queues_time_gets_503()
    {
        await using var upstream = await HeldUpstream.StartAsync();
        await using var gateway = await TwoGatesAsync(upstream, "maxConcurrent: { requests: 1, queue: 10, queueTimeout: 50ms }");
        using var client = gateway.Client();
        var first = client.GetStringAsync("/mobile/a");
        var inside = await upstream.NextAsync();
        using var refused = await client.GetAsync("/mobile/a");
        Assert.Equal((503, "1"), ((int)refused.StatusCode, refused.Headers.GetValues("Retry-After").Single()));
        Assert.Contains("postern_concurrency_refused_total{gate=\"mobile\",bound=\"gate\",reason=\"timeout\"} 1\n", gateway.Metrics(), StringComparison.Ordinal);
        inside.Answer();
        await first;
    }

    [Fact]
    public async Task Every_end_of_a_request_gives_its_place_back()
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            switch (context.Request.Path)
            {
                case "/gone":
                    context.Abort();
                    break;
                case "/slow":
                    await Task.Delay(Timeout.Infinite, context.RequestAborted);
                    break;
            }
        });
        await using var gateway = await TwoGatesAsync(upstream.Url, "maxConcurrent: 1\nmaxConcurrentPerConsumer: 1", """
            - { get: /slow, to: "http://up/slow", timeout: 20ms }
            - { post: /small, to: "http://up/small", maxBody: 4B }
            - { get: /fixed, respond: 204 }
            """);
        foreach (var (method, path, status) in new[]
        {
            ("GET", "gone", 502), ("GET", "slow", 504), ("GET", "fixed", 204), ("POST", "small", 413), ("HEAD", "a", 200), ("GET", "a", 200),
        })
        {
            using var client = await gateway.ConnectAsync();
            await client.SendAsync($"{method} /mobile/{path} HTTP/1.1\r\nHost: a\r\n{(method == "POST" ? "Transfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n" : "\r\n")}");
            Assert.Equal(status, (await client.ReadAnswerAsync(method == "HEAD")).Status);
            await UntilAsync(gateway, "postern_concurrency_requests{gate=\"mobile\"} 0");
        }
    }

    [Fact]
    public async Task An_answer_that_is_cut_gives_its_place_back()
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", close: true);
        await using var gateway = await TwoGatesAsync(upstream.Url, "maxConcurrent: 1");
        for (var i = 0; i < 2; i++)
        {
            using var client = await gateway.ConnectAsync();
            await client.SendAsync("GET /mobile/a HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.EndsWith("half", await client.ReadToEndAsync(), StringComparison.Ordinal);
            await UntilAsync(gateway, "postern_concurrency_requests{gate=\"mobile\"} 0");
        }
    }

    [Theory, InlineData(1), InlineData(2)]
    public async Task A_client_that_leaves_gives_its_place_back(int version)
    {
        await using var upstream = await HeldUpstream.StartAsync();
        await using var gateway = await TwoGatesAsync(upstream, "maxConcurrent: 1");
        using var client = gateway.Client(new Version(version, version == 1 ? 1 : 0));
        for (var i = 0; i < 3; i++)
        {
            using var leave = new CancellationTokenSource();
            var asking = client.GetAsync("/mobile/a", leave.Token);
            await upstream.NextAsync();
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
            await UntilAsync(gateway, "postern_concurrency_requests{gate=\"mobile\"} 0");
        }
    }

    [Theory, InlineData(1), InlineData(2)]
    public async Task An_answer_that_streams_and_a_WebSocket_count_until_their_end(int version)
    {
        var end = new TaskCompletionSource();
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            if (context.WebSockets.IsWebSocketRequest)
            {
                using var socket = await context.WebSockets.AcceptWebSocketAsync();
                await socket.ReceiveAsync(new byte[10], default);
                await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, default);
                return;
            }
            await context.Response.WriteAsync("begun");
            await context.Response.Body.FlushAsync();
            await end.Task;
        });
        await using var gateway = await TwoGatesAsync(upstream.Url, "maxConcurrent: 1");
        using var client = gateway.Client(new Version(version, version == 1 ? 1 : 0));
        using (var streaming = await client.GetAsync("/mobile/a", HttpCompletionOption.ResponseHeadersRead))
        {
            Assert.Equal(503, await StatusAsync(client));
            end.SetResult();
            Assert.Equal("begun", await streaming.Content.ReadAsStringAsync());
        }
        await UntilAsync(gateway, "postern_concurrency_requests{gate=\"mobile\"} 0");
        using (var socket = new ClientWebSocket())
        {
            socket.Options.HttpVersion = new Version(version, version == 1 ? 1 : 0);
            socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
            using var invoker = new HttpMessageInvoker(new SocketsHttpHandler());
            await socket.ConnectAsync(new Uri(gateway.Url.Replace("http", "ws", StringComparison.Ordinal) + "/mobile/socket"), invoker, default).WaitAsync(TestGateway.Patience);
            Assert.Equal(503, await StatusAsync(client));
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, default).WaitAsync(TestGateway.Patience);
        }
        await UntilAsync(gateway, "postern_concurrency_requests{gate=\"mobile\"} 0");
        Assert.Equal(200, await StatusAsync(client));

        static async Task<int> StatusAsync(HttpClient client)
        {
            using var answer = await client.GetAsync("/mobile/a");
            return (int)answer.StatusCode;
        }
    }

    [Fact]
    public async Task The_gates_bound_stands_before_identity_and_the_callers_behind_it()
    {
        await using var upstream = await HeldUpstream.StartAsync();
        await using var gateway = await TestGateway.StartAsync($$"""
            identity:
              customers: { jwt: { issuer: "https://auth.example.com", audience: api, secret: "a secret that is as long as it must be" } }
            upstreams: { up: { url: {{upstream.Url}} } }
            gates:
              web:
                identity: customers
                maxConcurrent: 1
                maxConcurrentPerConsumer: 1
                routes:
                  - { get: /open, to: http://up, identity: off }
                  - { get: /closed, to: http://up }
                  - { get: /mine, to: http://up, maxConcurrent: off, identity: off }
            """);
        using var client = gateway.Client();
        var open = client.GetAsync("/open");
        var first = await upstream.NextAsync();
        // The only place is taken, so nobody asks who this is.
        Assert.Equal(503, (int)(await client.GetAsync("/closed")).StatusCode);
        Assert.Equal(503, (int)(await client.GetAsync("/mine")).StatusCode);
        Assert.Contains("postern_concurrency_refused_total{gate=\"web\",bound=\"gate\",reason=\"full\"} 1\n", gateway.Metrics(), StringComparison.Ordinal);
        Assert.Contains("postern_concurrency_refused_total{gate=\"web\",bound=\"consumer\",reason=\"full\"} 1\n", gateway.Metrics(), StringComparison.Ordinal);
        first.Answer();
        await open;
        await UntilAsync(gateway, "postern_concurrency_requests{gate=\"web\"} 0");
        Assert.Equal(401, (int)(await client.GetAsync("/closed")).StatusCode);
    }

    [Fact]
    public async Task Under_a_storm_no_more_reach_the_upstream_than_may_and_all_places_come_back()
    {
        var (now, most) = (0, 0);
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            // Who leaves gives its place back before the upstream can know, so only those who stay are counted.
            var stays = context.Request.Path.Value == "/stays";
            var inside = stays ? Interlocked.Increment(ref now) : 0;
            if (inside > Volatile.Read(ref most))
            {
                Volatile.Write(ref most, inside);
            }
            await Task.Yield();
            if (stays)
            {
                Interlocked.Decrement(ref now);
            }
            await context.Response.WriteAsync("done");
        });
        await using var gateway = await TwoGatesAsync(upstream.Url, "maxConcurrent: { requests: 3, queue: 4, queueTimeout: 5ms }");
        using var client = gateway.Client();
        var statuses = new int[600];
        await Task.WhenAll(Enumerable.Range(0, 24).Select(async worker =>
        {
            for (var i = 0; i < 50; i++)
            {
                var leaves = worker % 4 == 0;
                using var leave = new CancellationTokenSource(leaves ? TimeSpan.FromMilliseconds(i % 5) : Timeout.InfiniteTimeSpan);
                try
                {
                    using var answer = await client.GetAsync(leaves ? "/mobile/leaves" : "/mobile/stays", leave.Token);
                    Interlocked.Increment(ref statuses[(int)answer.StatusCode]);
                }
                catch (OperationCanceledException)
                {
                    Interlocked.Increment(ref statuses[0]);
                }
            }
        })).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(24 * 50, statuses[0] + statuses[200] + statuses[503]);
        Assert.InRange(most, 1, 3);
        await UntilAsync(gateway, "postern_concurrency_requests{gate=\"mobile\"} 0");
        Assert.Contains("postern_concurrency_queued{gate=\"mobile\"} 0\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    private static Task<TestGateway> TwoGatesAsync(HeldUpstream upstream, string bounds, string routes = "") => TwoGatesAsync(upstream.Url, bounds, routes);

    private static Task<TestGateway> TwoGatesAsync(string upstream, string bounds, string routes = "") => TestGateway.StartAsync($$"""
        upstreams: { up: { url: {{upstream}} } }
        gates:
          web:
            match: { path: /web }
            identity: off
            routes: [{ any: "/{**rest}", to: "http://up/{rest}" }]
          mobile:
            match: { path: /mobile }
            identity: off
            {{bounds.Replace("\n", "\n    ", StringComparison.Ordinal)}}
            routes:
              - { any: "/{**rest}", to: "http://up/{rest}" }
              - { any: "/b", to: "http://up/b" }
              {{routes.Replace("\n", "\n      ", StringComparison.Ordinal)}}
        """);

    /// <summary>The metrics once they have a line.</summary>
    private static async Task<string> UntilAsync(TestGateway gateway, string line)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while (true)
        {
            var metrics = gateway.Metrics();
            if (metrics.Contains(string.Create(CultureInfo.InvariantCulture, $"{line}\n"), StringComparison.Ordinal))
            {
                return metrics;
            }
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }
}
