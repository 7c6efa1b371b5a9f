using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams.Retrying;

/// <summary>Whole requests whose first try fails.</summary>
public sealed class RetryTests
{
    [Theory]
    [InlineData("GET", 503, true), InlineData("HEAD", 503, true), InlineData("OPTIONS", 503, true), InlineData("PUT", 503, true), InlineData("DELETE", 503, true)]
    [InlineData("GET", 502, true), InlineData("GET", 504, true)]
    [InlineData("GET", 500, false), InlineData("GET", 501, false), InlineData("GET", 429, false), InlineData("GET", 404, false)]
    [InlineData("POST", 503, false), InlineData("PATCH", 503, false), InlineData("TRACE", 503, false), InlineData("PURGE", 503, false)]
    public async Task What_can_be_sent_twice_is_tried_again_where_that_may_help(string method, int status, bool again)
    {
        await using var upstream = await FailingUpstream.StartAsync(times: 1, status);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "retry: 2");
        using var client = gateway.Client();
        using var answer = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), "/a?b=c"));
        Assert.Equal(again ? 200 : status, (int)answer.StatusCode);
        Assert.Equal(again ? [$"{method} /a?b=c", $"{method} /a?b=c 2"] : [$"{method} /a?b=c"], upstream.Requests);
    }

    [Theory]
    [InlineData("POST", "7f3c", true), InlineData("PATCH", "7f3c", true), InlineData("POST", "", false), InlineData("POST", " ", false)]
    public async Task A_request_with_a_key_by_which_the_service_knows_it_is_tried_again(string method, string key, bool again)
    {
        await using var upstream = await FailingUpstream.StartAsync(times: 1);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "retry: 2");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync($"{method} /a HTTP/1.1\r\nHost: a\r\nIdempotency-Key: {key}\r\nContent-Length: 4\r\n\r\nbody");
        Assert.Equal(again ? 200 : 503, (await client.ReadAnswerAsync()).Status);
        Assert.Equal(again ? [$"{method} /a body", $"{method} /a 2 body"] : [$"{method} /a body"], upstream.Requests);
    }

    [Theory]
    [InlineData(1, 1, 503), InlineData(2, 2, 503), InlineData(4, 4, 200), InlineData(10, 4, 200)]
    public async Task There_are_as_many_tries_as_are_written_the_first_included(int attempts, int tries, int status)
    {
        await using var upstream = await FailingUpstream.StartAsync(times: 3);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, $"retry: {{ attempts: {attempts}, minPerSecond: 100, backoff: 1ms }}");
        using var client = gateway.Client();
        using var answer = await client.GetAsync("/");
        Assert.Equal((status, tries), ((int)answer.StatusCode, upstream.Requests.Count));
        Assert.Equal(tries == 1 ? "GET /" : $"GET / {tries}", upstream.Requests.Last());
        var line = (await gateway.LogAsync(1))[0];
        Assert.Equal(tries, line.TryGetProperty("attempts", out var logged) ? logged.GetInt32() : 1);
    }

    [Theory]
    [InlineData(0), InlineData(1), InlineData(1000), InlineData(65_536), InlineData(65_537), InlineData(300_000)]
    public async Task A_body_up_to_the_cap_is_sent_again_whole(int length)
    {
        foreach (var chunked in new[] { false, true })
        {
            await using var upstream = await FailingUpstream.StartAsync(times: 1);
            await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "retry: 2");
            using var client = gateway.Client();
            var body = string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + i % 26)));
            using var request = new HttpRequestMessage(HttpMethod.Put, "/") { Content = new ByteArrayContent(Encoding.ASCII.GetBytes(body)) };
            request.Headers.TransferEncodingChunked = chunked;
            using var answer = await client.SendAsync(request);
            var again = length <= 65_536;
            Assert.Equal(again ? 200 : 503, (int)answer.StatusCode);
            Assert.Equal(again ? [$"PUT / {body}".TrimEnd(), $"PUT / 2 {body}".TrimEnd()] : [$"PUT / {body}"], upstream.Requests);
        }
    }

    [Fact]
    public async Task A_body_that_is_still_being_sent_is_sent_from_its_beginning_and_to_its_end()
    {
        var (first, refused) = (new TaskCompletionSource<string>(), false);
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            var head = await connection.ReadHeadAsync();
            if (!refused)
            {
                refused = true;
                await connection.ReadAsync(5);
                await connection.WriteAsync("HTTP/1.1 503 Not Now\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                first.SetResult("");
                await connection.DrainAsync();
                return;
            }
            await connection.WriteAsync($"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{await connection.ReadAsync(10)}");
            connection.Close();
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "retry: { attempts: 2, backoff: 1ms }");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst");
        await first.Task.WaitAsync(TestGateway.Patience);
        await client.SendAsync("-last");
        Assert.Equal((200, "first-last"), await client.ReadAnswerAsync() is var answer ? (answer.Status, answer.Body) : default);
    }

    [Fact]
    public async Task Each_try_goes_to_another_destination()
    {
        await using var one = await FailingUpstream.StartAsync(times: int.MaxValue);
        await using var two = await FailingUpstream.StartAsync(times: int.MaxValue);
        await using var three = await FailingUpstream.StartAsync(times: 0);
        await using var gateway = await TestGateway.StartAsync(Upstreams($"[{one.Url}, {two.Url}, {three.Url}]", "retry: { attempts: 3, minPerSecond: 1000, backoff: 1ms }"));
        using var client = gateway.Client();
        for (var i = 0; i < 30; i++)
        {
            using var answer = await client.GetAsync("/");
            Assert.Equal(200, (int)answer.StatusCode);
        }
        Assert.Equal(30, three.Requests.Count);
        Assert.InRange(one.Requests.Count + two.Requests.Count, 1, 60);
    }

    [Theory]
    [InlineData("http1"), InlineData("http2")]
    public async Task Where_nobody_listens_another_destination_is_tried(string protocol)
    {
        string nobody;
        await using (var gone = new ScriptedUpstream())
        {
            nobody = gone.Url;
        }
        await using var upstream = await KestrelUpstream.StartAsync(protocol == "http2", context => context.Response.WriteAsync(context.Request.Headers["X-Postern-Attempt"].ToString()));
        await using var gateway = await TestGateway.StartAsync(Upstreams($"[{nobody}, {upstream.Url}]", $"balance: roundRobin, protocol: {protocol}, retry: {{ attempts: 2, on: connect, minPerSecond: 100 }}"));
        using var client = gateway.Client();
        var attempts = new List<string>();
        for (var i = 0; i < 6; i++)
        {
            attempts.Add(await client.GetStringAsync("/"));
        }
        Assert.Contains("2", attempts);
        Assert.All(attempts, a => Assert.True(a is "" or "2"));
    }

    [Theory]
    [InlineData("GET", "retry: { attempts: 3, minPerSecond: 100 }", 3), InlineData("PUT", "retry: { attempts: 3, minPerSecond: 100 }", 3)]
    [InlineData("GET", "retry: { attempts: 3, budget: 0%, minPerSecond: 0 }", 1), InlineData("GET", "retry: { on: reset }", 1)]
    [InlineData("GET", "maxConnections: 2", 2), InlineData("POST", "retry: 3", 1)]
    public async Task A_service_that_refuses_every_stream_gets_no_more_of_them_than_there_are_tries(string method, string retry, int streams)
    {
        var seen = 0;
        await using var refusing = await KestrelUpstream.StartAsync(http2: true, context =>
        {
            Interlocked.Increment(ref seen);
            context.Features.Get<IHttpResetFeature>()!.Reset(0x7);
            return Task.CompletedTask;
        });
        await using var gateway = await TestGateway.BeforeAsync(refusing.Url, $"{refusing.Options}, {retry}");
        using var client = gateway.Client();
        using var answer = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), "/") { Content = method == "GET" ? null : new StringContent("content") });
        Assert.Equal((502, streams), ((int)answer.StatusCode, seen));
    }

    [Fact]
    public async Task A_stream_that_is_refused_unseen_counts_as_no_connection()
    {
        await using var refusing = await KestrelUpstream.StartAsync(http2: true, context =>
        {
            context.Features.Get<IHttpResetFeature>()!.Reset(0x7);
            return Task.CompletedTask;
        });
        await using var upstream = await KestrelUpstream.StartAsync(http2: true, async context =>
            await context.Response.WriteAsync(await new StreamReader(context.Request.Body).ReadToEndAsync()));
        await using var gateway = await TestGateway.StartAsync(Upstreams($"[{refusing.Url}, {upstream.Url}]", "balance: roundRobin, protocol: http2, retry: { attempts: 2, on: connect, minPerSecond: 100 }"));
        using var client = gateway.Client();
        for (var i = 0; i < 6; i++)
        {
            using var answer = await client.PutAsync("/", new StringContent("content"));
            Assert.Equal((200, "content"), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        }
    }

    [Theory]
    [InlineData("[connect, 502, 503, 504]", 200), InlineData("502", 200), InlineData("reset", 200), InlineData("[connect, 503, 504]", 502)]
    public async Task What_becomes_a_502_counts_as_one(string on, int status)
    {
        var came = 0;
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            if (Interlocked.Increment(ref came) > 1)
            {
                await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
            connection.Close();
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, $"retry: {{ on: {on} }}");
        using var client = gateway.Client();
        using var answer = await client.GetAsync("/");
        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Fact]
    public async Task Once_an_answer_has_begun_there_is_no_other_try()
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", close: true);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "retry: { attempts: 3, on: [connect, reset, 502, 503] }");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.EndsWith("half", await client.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal(1, upstream.Accepted);
    }

    [Fact]
    public async Task A_client_that_leaves_is_not_tried_again_for()
    {
        var arrived = new SemaphoreSlim(0);
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            arrived.Release();
            await connection.DrainAsync();
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "retry: { attempts: 5, on: [connect, reset, timeout, 502, 503, 504] }");
        using (var client = await gateway.ConnectAsync())
        {
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.True(await arrived.WaitAsync(TestGateway.Patience));
        }
        await gateway.LogAsync(1);
        Assert.Equal(1, upstream.Accepted);
        Assert.DoesNotContain(gateway.Metrics().Split('\n'), l => l.StartsWith("postern_upstream_retries_total", StringComparison.Ordinal) && !l.EndsWith(" 0", StringComparison.Ordinal));
    }

    /// <summary>The warning behind all this: three tries at each of two tiers make nine.</summary>
    [Fact]
    public async Task An_upstream_that_fails_every_call_sees_no_more_than_a_tenth_on_top()
    {
        var seen = 0;
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, context =>
        {
            Interlocked.Increment(ref seen);
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "retry: { attempts: 3, backoff: 0ms..1ms }");
        using var client = gateway.Client();
        const int Calls = 2000;
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            for (var i = 0; i < Calls / 8; i++)
            {
                using var answer = await client.GetAsync("/");
                Assert.Equal(503, (int)answer.StatusCode);
            }
        }));
        // A few a second are allowed whatever comes; here that is less than the share, but for the first moment of each second.
        Assert.InRange(seen, Calls + 1, (int)(Calls * 1.1) + 3 * (1 + (int)clock.Elapsed.TotalSeconds));
        var refused = Value(gateway.Metrics(), "postern_upstream_retries_refused_total{upstream=\"up\",reason=\"budget\"}");
        var again = Value(gateway.Metrics(), "postern_upstream_retries_total{upstream=\"up\",reason=\"status\"}");
        Assert.Equal(seen - Calls, again);
        Assert.True(refused > Calls / 2);
    }

    [Theory]
    [InlineData("", "", true), InlineData("X-Postern-Attempt: 1\r\n", "", true)]
    [InlineData("X-Postern-Attempt: 2\r\n", "", false), InlineData("x-postern-attempt: 3\r\n", "", false), InlineData("X-Postern-Attempt: many\r\n", "", true)]
    [InlineData("X-Postern-Attempt: 2\r\n", "trustedProxies: [127.0.0.0/8]", false)]
    public async Task What_is_a_retry_already_is_not_tried_again(string field, string root, bool again)
    {
        await using var upstream = await FailingUpstream.StartAsync(times: 1);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "retry: 2", root: root);
        var answer = await gateway.SendRawAsync($"GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n");
        Assert.Equal(again ? 200 : 503, answer.Status);
        // Only a proxy that is trusted tells the upstream which try it is.
        Assert.Equal(again ? ["GET /", "GET / 2"] : [root.Length > 0 ? "GET / 2" : "GET /"], upstream.Requests);
    }

    [Fact]
    public async Task Two_gateways_in_a_row_try_no_more_often_than_one()
    {
        await using var upstream = await FailingUpstream.StartAsync(times: int.MaxValue);
        await using var inner = await TestGateway.BeforeAsync(upstream.Url, "retry: { attempts: 3, minPerSecond: 1000, backoff: 1ms }", root: "trustedProxies: [127.0.0.0/8]");
        await using var outer = await TestGateway.BeforeAsync(inner.Url, "retry: { attempts: 3, minPerSecond: 1000, backoff: 1ms }");
        using var client = outer.Client();
        using var answer = await client.GetAsync("/");
        Assert.Equal(503, (int)answer.StatusCode);
        // Three of the inner one for the first try of the outer one, then one for each of its retries.
        Assert.Equal(["GET /", "GET / 2", "GET / 3", "GET / 2", "GET / 3"], upstream.Requests);
    }

    [Theory]
    [InlineData(503, "retry: 2, timeout: 30s", "99999999999999999999", 503, 0)]
    [InlineData(503, "retry: 2, timeout: 30s", "1", 200, 1.0), InlineData(503, "retry: 2, timeout: 500ms", "1", 503, 0), InlineData(503, "retry: 2, timeout: 500ms", "soon", 200, 0)]
    [InlineData(429, "retry: { on: [429, 503] }, timeout: 30s", "1", 200, 1.0), InlineData(429, "retry: { on: 429 }, timeout: 500ms", "1", 429, 0)]
    [InlineData(429, "retry: { on: 429 }", null, 429, 0), InlineData(429, "retry: 2", "0", 429, 0), InlineData(429, "retry: { on: 429 }", "0", 200, 0)]
    [InlineData(503, "retry: 2, timeout: 10s", "date:1", 200, 0.0), InlineData(503, "retry: 2, timeout: 10s", "date:3600", 503, 0)]
    public async Task Who_asks_to_be_asked_later_is_asked_then_or_not_at_all(int status, string options, string? retryAfter, int answered, double seconds)
    {
        var after = retryAfter?.StartsWith("date:", StringComparison.Ordinal) == true
            ? DateTimeOffset.UtcNow.AddSeconds(int.Parse(retryAfter[5..], CultureInfo.InvariantCulture)).ToString("r") : retryAfter;
        await using var upstream = await FailingUpstream.StartAsync(times: 1, status, after);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, options);
        using var client = gateway.Client();
        var clock = Stopwatch.StartNew();
        using var answer = await client.GetAsync("/");
        Assert.Equal(answered, (int)answer.StatusCode);
        Assert.True(clock.Elapsed.TotalSeconds >= seconds * 0.99);
        Assert.Equal(answered == 200 ? 2 : 1, upstream.Requests.Count);
    }

    [Fact]
    public async Task Another_destination_need_not_be_waited_for_because_one_asks_for_time()
    {
        await using var busy = await FailingUpstream.StartAsync(times: int.MaxValue, 503, "3600");
        await using var free = await FailingUpstream.StartAsync(times: 0);
        await using var gateway = await TestGateway.StartAsync(Upstreams($"[{busy.Url}, {free.Url}]", "balance: roundRobin, retry: { minPerSecond: 100 }, timeout: 5s"));
        using var client = gateway.Client();
        for (var i = 0; i < 4; i++)
        {
            using var answer = await client.GetAsync("/");
            Assert.Equal(200, (int)answer.StatusCode);
        }
    }

    [Fact]
    public async Task Who_asks_for_time_is_not_asked_at_once_because_another_cannot_be()
    {
        await using var busy = await FailingUpstream.StartAsync(times: int.MaxValue, 503, "3600");
        await using var gateway = await TestGateway.StartAsync(Upstreams(
            $"[{busy.Url}, \"http://127.0.0.1:1\"]", "balance: roundRobin, retry: { attempts: 3, minPerSecond: 100 }, breaker: { failures: 1, on: connect }, timeout: 5s"));
        using var client = gateway.Client();
        await client.GetAsync("/");
        await client.GetAsync("/");
        Assert.Contains("postern_upstream_breaker_state{upstream=\"up\",destination=\"127.0.0.1:1\"} 2\n", gateway.Metrics(), StringComparison.Ordinal);
        var before = busy.Requests.Count;
        using var answer = await client.GetAsync("/");
        Assert.Equal((503, before + 1), ((int)answer.StatusCode, busy.Requests.Count));
    }

    [Fact]
    public async Task A_connection_that_the_upstream_has_closed_meanwhile_costs_no_try()
    {
        var came = new List<string>();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            var head = await connection.ReadHeadAsync();
            lock (came)
            {
                came.Add(head);
            }
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            // The next request on this connection is read, and never answered.
            await connection.ReadHeadAsync();
            connection.Reset();
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "retry: 2");
        using var client = gateway.Client();
        for (var i = 0; i < 6; i++)
        {
            using var answer = await client.GetAsync("/");
            Assert.Equal(200, (int)answer.StatusCode);
        }
        Assert.DoesNotContain(came, head => head.Contains("X-Postern-Attempt", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task The_connection_of_an_answer_that_is_thrown_away_is_kept()
    {
        var connections = 0;
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            Interlocked.Increment(ref connections);
            for (var i = 0; await connection.ReadHeadAsync() is { Length: > 0 } head; i++)
            {
                var again = head.Contains("X-Postern-Attempt: 2", StringComparison.Ordinal);
                await connection.WriteAsync(again ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" : "HTTP/1.1 503 Later\r\nContent-Length: 8\r\n\r\nnot now!");
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "retry: { minPerSecond: 100 }");
        using var client = gateway.Client();
        for (var i = 0; i < 10; i++)
        {
            using var answer = await client.GetAsync("/");
            Assert.Equal(200, (int)answer.StatusCode);
        }
        Assert.Equal(1, connections);
        Assert.Equal(10, Value(gateway.Metrics(), "postern_upstream_retries_won_total{upstream=\"up\"}"));
    }

    private static double Value(string metrics, string series) =>
        double.Parse(metrics.Split('\n').Single(l => l.StartsWith(series + " ", StringComparison.Ordinal))[(series.Length + 1)..], CultureInfo.InvariantCulture);

    private static string Upstreams(string urls, string options) => $$"""
        upstreams:
          up: { urls: {{urls}}, {{options}} }
        gates:
          web:
            identity: off
            routes: [{ any: "/{**rest}", to: http://up }]
        """;

    /// <summary>Answers the first few requests with a failure and tells what came: method, target, attempt, body.</summary>
    private sealed class FailingUpstream : IAsyncDisposable
    {
        private KestrelUpstream server = null!;

        public string Url => server.Url;

        public ConcurrentQueue<string> Requests { get; } = new();

        public static async Task<FailingUpstream> StartAsync(int times, int status = 503, string? retryAfter = null)
        {
            var upstream = new FailingUpstream();
            var left = times;
            upstream.server = await KestrelUpstream.StartAsync(http2: false, async context =>
            {
                var request = context.Request;
                var body = await new StreamReader(request.Body).ReadToEndAsync();
                upstream.Requests.Enqueue(string.Join(' ', new[] { request.Method, request.Path + request.QueryString, request.Headers["X-Postern-Attempt"].ToString(), body }.Where(t => t.Length > 0)));
                if (Interlocked.Decrement(ref left) >= 0)
                {
                    context.Response.StatusCode = status;
                    context.Response.Headers.RetryAfter = retryAfter;
                }
            });
            return upstream;
        }

        public ValueTask DisposeAsync() => server.DisposeAsync();
    }
}
