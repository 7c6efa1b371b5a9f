using System.Diagnostics;
using System.Net;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.RateLimiting;

/// <summary>Whole gateways that count in one real Redis, which dies and comes back.</summary>
public sealed class FleetTests
{
    private const int Limit = 300;

    [Fact]
    public async Task Three_gateways_let_exactly_the_limit_pass_and_no_request_fails_while_Redis_is_away()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var one = await StartAsync(redis);
        await using var two = await StartAsync(redis);
        await using var three = await StartAsync(redis);
        TestGateway[] fleet = [one, two, three];
        foreach (var gateway in fleet)
        {
            await MetricAsync(gateway, "postern_rate_limit_instances", "3");
        }
        Assert.Equal((Limit, 0), await HammerAsync(fleet, 2, "/a"));
        await redis.KillAsync();
        // Who was refused stays so; for others each decides by its third.
        Assert.Equal((0, 0), await HammerAsync(fleet, 2, "/a"));
        Assert.Equal((Limit, 0), await HammerAsync(fleet, 4, "/b"));
        foreach (var gateway in fleet)
        {
            await MetricAsync(gateway, "postern_rate_limit_mode{mode=\"local\"}", "1");
        }
        var before = Stopwatch.GetTimestamp();
        Assert.Equal((0, 0), await HammerAsync(fleet, 2, "/b"));
        Assert.True(Stopwatch.GetElapsedTime(before) < TestGateway.Patience);
        await redis.UpAsync();
        foreach (var gateway in fleet)
        {
            await MetricAsync(gateway, "postern_rate_limit_mode{mode=\"shared\"}", "1");
        }
        // It has forgotten what it counted; what it refused is known here.
        Assert.Equal((0, 0), await HammerAsync(fleet, 2, "/a"));
        Assert.Equal((Limit, 0), await HammerAsync(fleet, 2, "/b"));
        var log = await one.LogAsync(1);
        Assert.DoesNotContain(log, l => l.GetProperty("status").GetInt32() >= 500);
        Assert.Contains(log, l => l.TryGetProperty("limits", out var how) && how.GetString() == "local");
    }

    /// <summary>Sends so many times the limit, by 16 clients to each; how many passed, and how many got anything but 200 and 429.</summary>
    private static async Task<(int Passed, int Odd)> HammerAsync(TestGateway[] fleet, int times, string path)
    {
        var (passed, odd) = (0, 0);
        await Task.WhenAll(fleet.SelectMany(gateway => Enumerable.Range(0, 16).Select(async _ =>
        {
            using var client = gateway.Client();
            for (var i = 0; i < times * Limit / 48 + 1; i++)
            {
                using var answer = await client.GetAsync(path);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    Interlocked.Increment(ref passed);
                }
                else if (answer.StatusCode != HttpStatusCode.TooManyRequests)
                {
                    Interlocked.Increment(ref odd);
                }
            }
        })));
        return (passed, odd);
    }

    private static Task<TestGateway> StartAsync(RedisServer redis) => TestGateway.StartAsync($$"""
        redis: { url: "{{redis.Url}}", timeout: 500ms }
        gates:
          web:
            identity: off
            routes:
              - { get: /a, rateLimit: { allow: {{Limit}}/hour, algorithm: slidingLog, by: gate }, respond: 200 }
              - { get: /b, rateLimit: { allow: {{Limit}}/hour, algorithm: slidingLog, by: gate }, respond: 200 }
        """);

    private static async Task MetricAsync(TestGateway gateway, string series, string value) =>
        await FakeStore.UntilAsync(() => gateway.Metrics().Split('\n').Contains($"{series} {value}"));
}
