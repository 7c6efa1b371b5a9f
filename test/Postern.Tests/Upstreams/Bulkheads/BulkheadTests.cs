using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Pipeline;
using Postern.Tests.Edge.Admitting;
using Postern.Tests.Harness;
using Postern.Upstreams;
using Postern.Upstreams.Bulkheads;

namespace Postern.Tests.Upstreams.Bulkheads;

/// <summary>An upstream that may have so many calls in progress.</summary>
public sealed class BulkheadTests
{
    [Fact]
    public async Task Past_the_bound_a_call_fails_at_once_and_other_upstreams_have_their_own()
    {
        await using var upstream = await HeldUpstream.StartAsync();
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              slow: { url: {{upstream.Url}}, maxConcurrent: 2 }
              other: { url: {{upstream.Url}}, maxConcurrent: 1 }
            gates:
              web: { match: { path: /web }, identity: off, routes: [{ get: /slow, to: http://slow }, { get: /other, to: http://other }] }
              mobile: { match: { path: /mobile }, identity: off, routes: [{ get: /slow, to: http://slow }] }
            """);
        using var client = gateway.Client();
        // Of all gates together.
        var first = client.GetStringAsync("/web/slow");
        var one = await upstream.NextAsync();
        var second = client.GetStringAsync("/mobile/slow");
        var two = await upstream.NextAsync();
        Assert.Contains("postern_upstream_bulkhead_calls{upstream=\"slow\"} 2\n", gateway.Metrics(), StringComparison.Ordinal);
        foreach (var path in new[] { "/web/slow", "/mobile/slow" })
        {
            using var refused = await client.GetAsync(path);
            Assert.Equal((503, "1"), ((int)refused.StatusCode, refused.Headers.GetValues("Retry-After").Single()));
            Assert.Contains("\"code\":\"upstream-full\"", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        Assert.False(upstream.HasNext);
        var elsewhere = client.GetStringAsync("/web/other");
        (await upstream.NextAsync()).Answer();
        Assert.Equal("done", await elsewhere);
        one.Answer();
        two.Answer();
        Assert.Equal("donedone", await first + await second);
        var metrics = await UntilAsync(gateway, "postern_upstream_bulkhead_calls{upstream=\"slow\"} 0");
        Assert.Contains("postern_upstream_bulkhead_refused_total{upstream=\"slow\",reason=\"full\"} 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("maxConcurrent of the upstream slow", (await gateway.LogAsync(5))[2].GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Those_in_the_queue_are_next_and_those_past_it_or_too_long_in_it_are_refused()
    {
        await using var upstream = await HeldUpstream.StartAsync();
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "maxConcurrent: { calls: 1, queue: 1, queueTimeout: 20s }");
        using var client = gateway.Client();
        var first = client.GetStringAsync("/1");
        var one = await upstream.NextAsync();
        var second = client.GetStringAsync("/2");
        await UntilAsync(gateway, "postern_upstream_bulkhead_queued{upstream=\"up\"} 1");
        using (var refused = await client.GetAsync("/3"))
        {
            Assert.Equal(503, (int)refused.StatusCode);
        }
        one.Answer();
        var two = await upstream.NextAsync();
        Assert.Equal("/2", two.Path);
        two.Answer();
        Assert.Equal("donedone", await first + await second);

        await using var impatient = await TestGateway.BeforeAsync(upstream.Url, "maxConcurrent: { calls: 1, queue: 1, queueTimeout: 20ms }");
        using var other = impatient.Client();
        var inside = other.GetStringAsync("/1");
        one = await upstream.NextAsync();
        using (var refused = await other.GetAsync("/2"))
        {
            Assert.Equal(503, (int)refused.StatusCode);
        }
        Assert.Contains("postern_upstream_bulkhead_refused_total{upstream=\"up\",reason=\"timeout\"} 1\n", impatient.Metrics(), StringComparison.Ordinal);
        one.Answer();
        await inside;
    }

    [Fact]
    public async Task Waiting_in_the_queue_counts_for_the_deadline_and_is_no_failure_of_the_upstreams()
    {
        await using var upstream = await HeldUpstream.StartAsync();
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              up: { url: {{upstream.Url}}, maxConcurrent: { calls: 1, queue: 1, queueTimeout: 20s }, timeout: 20s, breaker: 1 }
            gates:
              web: { identity: off, routes: [{ get: /1, to: http://up }, { get: /2, to: http://up, timeout: 200ms }] }
            """);
        using var client = gateway.Client();
        var first = client.GetStringAsync("/1");
        var one = await upstream.NextAsync();
        using var late = await client.GetAsync("/2");
        Assert.Equal(504, (int)late.StatusCode);
        Assert.Equal("up had no room for the call within 200ms", (await gateway.LogAsync(1))[0].GetProperty("reason").GetString());
        await UntilAsync(gateway, "postern_upstream_bulkhead_queued{upstream=\"up\"} 0");
        Assert.Contains("postern_upstream_breaker_state{upstream=\"up\"} 0\n", gateway.Metrics(), StringComparison.Ordinal);
        one.Answer();
        Assert.Equal("done", await first);
        await UntilAsync(gateway, "postern_upstream_bulkhead_calls{upstream=\"up\"} 0");
    }

    [Fact]
    public async Task A_place_is_held_to_the_last_byte_of_the_answer()
    {
        var end = new TaskCompletionSource();
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            await context.Response.WriteAsync("begun");
            await context.Response.Body.FlushAsync();
            await end.Task;
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "maxConcurrent: 1");
        using var client = gateway.Client();
        using (var streaming = await client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead))
        {
            using var refused = await client.GetAsync("/");
            Assert.Equal(503, (int)refused.StatusCode);
            end.SetResult();
            Assert.Equal("begun", await streaming.Content.ReadAsStringAsync());
        }
        await UntilAsync(gateway, "postern_upstream_bulkhead_calls{upstream=\"up\"} 0");
    }

    [Fact]
    public async Task Every_end_of_a_call_gives_its_place_back()
    {
        string nobody;
        await using (var gone = new ScriptedUpstream())
        {
            nobody = gone.Url;
        }
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
                case "/half":
                    context.Response.ContentLength = 10;
                    await context.Response.WriteAsync("half");
                    await context.Response.Body.FlushAsync();
                    context.Abort();
                    break;
                case "/503":
                    context.Response.StatusCode = 503;
                    break;
            }
        });
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              up: { url: {{upstream.Url}}, maxConcurrent: 1, retry: { attempts: 2, minPerSecond: 100, backoff: 1ms }, timeout: 200ms }
              nobody: { url: {{nobody}}, maxConcurrent: 1 }
            gates:
              web: { identity: off, routes: [{ any: "/{**rest}", to: http://up }, { get: /nobody, to: http://nobody }] }
            """);
        foreach (var (method, path, status) in new[] { ("GET", "gone", 502), ("GET", "slow", 504), ("GET", "503", 503), ("GET", "half", 0), ("HEAD", "a", 200), ("GET", "nobody", 502), ("GET", "a", 200) })
        {
            using var client = await gateway.ConnectAsync();
            await client.SendAsync($"{method} /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            // How much of a half answer a reset lets through is a matter of timing.
            Assert.StartsWith(status == 0 ? "HTTP/1.1 " : $"HTTP/1.1 {status} ", await client.ReadToEndAsync(), StringComparison.Ordinal);
            await UntilAsync(gateway, "postern_upstream_bulkhead_calls{upstream=\"up\"} 0");
            await UntilAsync(gateway, "postern_upstream_bulkhead_calls{upstream=\"nobody\"} 0");
        }
    }

    [Fact]
    public async Task A_call_that_is_tried_again_has_one_place()
    {
        var most = 0;
        TestGateway? gateway = null;
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, context =>
        {
            most = Math.Max(most, (int)Value(gateway!.Metrics(), "postern_upstream_bulkhead_calls{upstream=\"up\"}"));
            context.Response.StatusCode = context.Request.Headers.ContainsKey("X-Postern-Attempt") ? 200 : 503;
            return Task.CompletedTask;
        });
        await using var made = gateway = await TestGateway.BeforeAsync(upstream.Url, "maxConcurrent: 1, retry: { minPerSecond: 100 }");
        using var client = gateway.Client();
        for (var i = 0; i < 5; i++)
        {
            using var answer = await client.GetAsync("/");
            Assert.Equal(200, (int)answer.StatusCode);
            await UntilAsync(gateway, "postern_upstream_bulkhead_calls{upstream=\"up\"} 0");
        }
        Assert.Equal(1, most);
    }

    /// <summary>What a bulkhead is for: an upstream that hangs, at five times what it may have, holds nothing that another needs.</summary>
    [Fact]
    public async Task An_upstream_that_hangs_leaves_the_others_alone()
    {
        await using var hangs = ScriptedUpstream.Serving(connection => connection.DrainAsync());
        await using var well = await KestrelUpstream.StartAsync(http2: false, context => context.Response.WriteAsync("well"));
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              hangs: { url: {{hangs.Url}}, maxConcurrent: 8, timeout: 20s }
              well: { url: {{well.Url}}, maxConcurrent: 8 }
            gates:
              web: { identity: off, routes: [{ get: /hangs, to: http://hangs }, { get: /well, to: http://well }] }
            """);
        using var client = gateway.Client();
        using var leave = new CancellationTokenSource();
        var hanging = Enumerable.Range(0, 40).Select(async _ =>
        {
            try
            {
                using var answer = await client.GetAsync("/hangs", leave.Token);
                return (int)answer.StatusCode;
            }
            catch (OperationCanceledException)
            {
                return 0;
            }
        }).ToArray();
        await UntilAsync(gateway, "postern_upstream_bulkhead_refused_total{upstream=\"hangs\",reason=\"full\"} 32");
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal("well", await client.GetStringAsync("/well"));
        }
        await leave.CancelAsync();
        Assert.Equal([.. Enumerable.Repeat(0, 8), .. Enumerable.Repeat(503, 32)], (await Task.WhenAll(hanging)).Order());
        Assert.InRange(hangs.Accepted, 1, 8);
    }

    [Fact]
    public void The_log_says_once_that_it_is_full_and_once_that_there_is_room()
    {
        var (time, log) = (new SteppedTime(), new Lines());
        var bulkhead = new Bulkhead("up", new Admission(2, 0, TimeSpan.Zero, time), time);
        bulkhead.Start(time, log);
        bulkhead.LetIn();
        for (var i = 0; i < 50; i++)
        {
            bulkhead.Refused();
            time.Advance(TimeSpan.FromMilliseconds(100));
            bulkhead.LetIn();
        }
        Assert.Equal(["Upstream up: 2 calls are in progress, as many as may be; more are refused"], log.Written);
        time.Advance(Spell.Quiet);
        bulkhead.LetIn();
        bulkhead.LetIn();
        Assert.Equal("Upstream up: there is room for calls again, after 50 were refused", log.Written[1]);
        bulkhead.Refused();
        Assert.Equal(3, log.Written.Count);
    }

    private static double Value(string metrics, string series) =>
        double.Parse(metrics.Split('\n').Single(l => l.StartsWith(series + " ", StringComparison.Ordinal))[(series.Length + 1)..], CultureInfo.InvariantCulture);

    /// <summary>The metrics once they have a line.</summary>
    private static async Task<string> UntilAsync(TestGateway gateway, string line)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while (true)
        {
            var metrics = gateway.Metrics();
            if (metrics.Contains($"{line}\n", StringComparison.Ordinal))
            {
                return metrics;
            }
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    private sealed class Lines : ILogger
    {
        public List<string> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Add(formatter(state, exception));
    }
}
