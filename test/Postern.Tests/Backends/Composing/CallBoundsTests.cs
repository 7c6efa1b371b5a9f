using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.Backends.Composing;

/// <summary>Time, clients that leave, and that one request's end is never another's.</summary>
public sealed class CallBoundsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_leaves_takes_all_calls_with_it_within_100_ms(bool http2)
    {
        var waiting = new Waiting();
        await using var services = Services.Start(http2).On("/head", c => waiting.WaitAsync(c, begins: false))
            .On("/body", c => waiting.WaitAsync(c, begins: true)).On("/after", c => waiting.WaitAsync(c, begins: true));
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                head: { get: http://svc/head, required: true }
                body: { get: http://svc/body, timeout: 30s }
                after: { get: http://svc/after }
                next: { get: "http://svc/next?h={head}" }
            """);

        // The first rounds are slow for reasons of their own: code that has never run.
        var slowest = new List<double>();
        for (var round = 1; round <= 5; round++)
        {
            var client = await gateway.ConnectAsync();
            await client.SendAsync("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
            await Until.TrueAsync(() => waiting.Begun == round * 3, "not all were asked");
            var left = Stopwatch.GetTimestamp();
            client.Dispose();
            await Until.TrueAsync(() => waiting.Ended.Length == round * 3, "not all have ended");
            slowest.Add(waiting.Ended[^3..].Max(at => Stopwatch.GetElapsedTime(left, at).TotalMilliseconds));
        }

        Assert.InRange(slowest.Min(), 0, 100);
        Assert.All(await gateway.LogAsync(5), l => Assert.Equal("client-gone", l.GetProperty("failure").GetString()));
        Assert.DoesNotContain(services.Asked, a => a.Contains("/next"));
    }

    [Fact]
    public async Task Who_had_all_of_the_routes_time_and_did_not_answer_has_failed_and_who_had_to_wait_for_others_has_not()
    {
        var told = new System.Collections.Concurrent.ConcurrentDictionary<string, int>();
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            told[context.Request.Path] = int.Parse(context.Request.Headers["X-Left"].ToString(), System.Globalization.CultureInfo.InvariantCulture);
            await Task.Delay(context.Request.Path == "/slow" ? TimeSpan.FromMilliseconds(200) : Timeout.InfiniteTimeSpan, context.RequestAborted);
            await context.Response.WriteAsJsonAsync(1);
        });
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              hangs: { url: {{upstream.Url}}, breaker: 1, deadlineHeader: X-Left }
              slow: { url: {{upstream.Url}}, breaker: 1, deadlineHeader: X-Left }
              later: { url: {{upstream.Url}}, breaker: 1, deadlineHeader: X-Left }
            gates:
              web:
                identity: off
                routes:
                  - get: /page
                    timeout: 500ms
                    compose:
                      a: { get: http://hangs/hangs }
                      b: { get: http://slow/slow }
                      c: { get: "http://later/later?{b}" }
            """);
        using var client = gateway.Client();
        using var answer = await client.GetAsync("/page");
        var metrics = gateway.Metrics();
        foreach (var (name, state) in new[] { ("hangs", 2), ("slow", 0), ("later", 0) })
        {
            Assert.Contains($"postern_upstream_breaker_state{{upstream=\"{name}\"}} {state}\n", metrics, StringComparison.Ordinal);
        }
        Assert.InRange(told["/hangs"], 300, 500);
        Assert.InRange(told["/later"], 1, 300);
    }

    [Fact]
    public async Task The_route_has_one_deadline_for_all()
    {
        await using var services = Services.Start().On("/good", "1").On("/never", NeverAsync).On("/trickle", TrickleAsync);
        await using var gateway = await services.GatewayAsync("""
            - get: /soft
              timeout: 200ms
              compose:
                good: { get: http://svc/good }
                never: { get: http://svc/never, timeout: 30s }
                trickle: { get: http://svc/trickle }
                next: { get: "http://svc/next?n={never}" }
              meta: m
            - get: /hard
              timeout: 200ms
              compose: { good: { get: http://svc/good }, never: { get: http://svc/never, required: true } }
            """);
        using var client = gateway.Client();

        var began = Stopwatch.GetTimestamp();
        var soft = await client.GetStringAsync("/soft");

        Assert.InRange(Stopwatch.GetElapsedTime(began).TotalMilliseconds, 190, 2000);
        Assert.StartsWith("""{"good":1,"never":null,"trickle":null,"next":null,"m":{"partial":true,"failedSources":["never","trickle","next"]""", soft);
        Assert.Equal(HttpStatusCode.GatewayTimeout, (await client.GetAsync("/hard")).StatusCode);
        var failed = (await gateway.LogAsync(2))[0].GetProperty("failedSources");
        Assert.Equal(["timeout", "timeout", "timeout"], new[] { "never", "trickle", "next" }.Select(n => failed.GetProperty(n).GetString()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_time_of_a_source_counts_to_its_last_byte_and_is_its_own(bool http2)
    {
        await using var services = Services.Start(http2).On("/good", "1").On("/trickle", TrickleAsync);
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                good: { get: http://svc/good, timeout: 5s }
                trickle: { get: http://svc/trickle, timeout: 200ms }
            """);
        using var client = gateway.Client();

        // What is kept for the next request must not carry this one's end over.
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("""{"good":1,"trickle":null}""", await client.GetStringAsync("/x"));
        }
        Assert.All(await gateway.LogAsync(3), l => Assert.Equal("timeout", l.GetProperty("failedSources").GetProperty("trickle").GetString()));
    }

    [Fact]
    public async Task Many_requests_at_once_each_get_their_own_answer()
    {
        await using var services = Services.Start().On("/a", EchoAsync).On("/b", EchoAsync).On("/c", EchoAsync);
        await using var gateway = await services.GatewayAsync("""
            - get: /x/{id}
              compose:
                a: { get: "http://svc/a?v={id}" }
                b: { get: "http://svc/b?v={a.v}" }
                c: { get: "http://svc/c?v={$query.q}", timeout: 5s }
              shape: { id: $params.id, a: a.v, b: b.v, c: c.v }
            """);
        using var client = gateway.Client();

        await Parallel.ForAsync(0, 500, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, cancel) =>
            Assert.Equal($$"""{"id":"{{i}}","a":"{{i}}","b":"{{i}}","c":"q{{i}}"}""", await client.GetStringAsync($"/x/{i}?q=q{i}", cancel)));
    }

    /// <summary>Services that answer nobody, and note when they are left alone.</summary>
    private sealed class Waiting
    {
        private readonly List<long> ended = [];
        private int begun;

        public int Begun => Volatile.Read(ref begun);

        public long[] Ended
        {
            get
            {
                lock (ended)
                {
                    return [.. ended];
                }
            }
        }

        public async Task WaitAsync(HttpContext context, bool begins)
        {
            if (begins)
            {
                context.Response.ContentType = "application/json";
                await context.Response.WriteAsync("[");
                await context.Response.Body.FlushAsync();
            }
            Interlocked.Increment(ref begun);
            await GoneAsync(context);
            lock (ended)
            {
                ended.Add(Stopwatch.GetTimestamp());
            }
        }
    }

    [Fact]
    public async Task Requests_that_fail_and_are_left_never_disturb_those_beside_them()
    {
        await using var services = Services.Start().On("/a", EchoAsync).On("/b", EchoAsync).On("/never", NeverAsync).On("/trickle", TrickleAsync);
        await using var gateway = await services.GatewayAsync("""
            - get: /good/{id}
              compose: { a: { get: "http://svc/a?v={id}" }, b: { get: "http://svc/b?v={a.v}", required: true } }
            - get: /lost/{id}
              compose:
                a: { get: "http://svc/a?v={id}" }
                never: { get: http://svc/never }
                none: { get: "http://svc/none?v={a.v}", required: true }
            - get: /late/{id}
              compose: { a: { get: "http://svc/a?v={id}" }, trickle: { get: http://svc/trickle, timeout: 20ms }, c: { get: "http://svc/b?v={id}", timeout: 5s } }
            """);
        using var client = gateway.Client();

        await Parallel.ForAsync(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 12 }, async (i, cancel) =>
        {
            var expected = $$"""{"v":"{{i}}"}""";
            switch (i % 4)
            {
                case 0:
                    Assert.Equal($$"""{"a":{{expected}},"b":{{expected}}}""", await client.GetStringAsync($"/good/{i}", cancel));
                    break;
                case 1:
                    Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync($"/lost/{i}", cancel)).StatusCode);
                    break;
                case 2:
                    Assert.Equal($$"""{"a":{{expected}},"trickle":null,"c":{{expected}}}""", await client.GetStringAsync($"/late/{i}", cancel));
                    break;
                default:
                    using (var leaving = await gateway.ConnectAsync())
                    {
                        await leaving.SendAsync($"GET /late/{i} HTTP/1.1\r\nHost: a\r\n\r\n");
                    }
                    break;
            }
        });
    }

    private static Task EchoAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync($$"""{"v":"{{context.Request.Query["v"]}}"}""");
    }

    private static Task NeverAsync(HttpContext context) => GoneAsync(context);

    private static async Task TrickleAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync("[");
        await context.Response.Body.FlushAsync();
        await GoneAsync(context);
    }

    private static Task GoneAsync(HttpContext context)
    {
        var gone = new TaskCompletionSource();
        context.RequestAborted.Register(() => gone.TrySetResult());
        return gone.Task.WaitAsync(TestGateway.Patience);
    }
}
