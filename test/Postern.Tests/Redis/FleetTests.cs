using System.Diagnostics;
using System.Globalization;
using Postern.Edge.RateLimiting;
using Postern.Redis;
using Postern.Tests.Harness;

namespace Postern.Tests.Redis;

/// <summary>A limit of 1,000 holds for three gateways together, whatever happens to one of them or to what Redis knows of scripts.</summary>
[Collection(nameof(Alone))]
public sealed class FleetTests : IAsyncLifetime
{
    private const int Limit = 1_000;
    private const int Requests = 4_000;

    private RedisServer server = null!;

    [Fact]
    public async Task Three_gateways_let_exactly_the_limit_pass()
    {
        // Whose edge no test comes near.
        var window = await WindowAsync();
        await using var fleet = await Fleet.StartAsync(Redis,
            ("/fixed", $"{{ allow: {Limit}/{window}, algorithm: fixedWindow }}"), ("/log", $"{{ allow: {Limit}/minute, algorithm: slidingLog }}"),
            ("/sliding", $"{Limit}/{window}"), ("/bucket", $"{{ allow: {Limit}/minute, algorithm: tokenBucket }}"));
        foreach (var path in (string[])["/fixed", "/log", "/sliding"])
        {
            var tally = await fleet.HammerAsync(path, Requests);
            Assert.Equal((Limit, Requests - Limit, 0, 0), (tally.Passed, tally.Refused, tally.Lost, tally.Other));
        }
        // What came back while it was asked, to one.
        var began = await NowAsync();
        var bucket = await fleet.HammerAsync("/bucket", Requests);
        var most = Limit + (await NowAsync() - began) * Limit / 60_000_000;
        Assert.InRange(bucket.Passed, Limit, most + 1);
        Assert.Equal(Requests - bucket.Passed, bucket.Refused);
        Assert.All(fleet.Instances, i => Assert.DoesNotContain("alone", i.Error, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_sliding_window_lets_no_more_pass_than_its_bound()
    {
        await using var fleet = await Fleet.StartAsync(Redis, ("/sliding", $"{Limit / 10}/1s"));
        var began = await NowAsync();
        var tally = await fleet.HammerAsync("/sliding", Requests * 2);
        var windows = await NowAsync() / 1_000_000 - began / 1_000_000 + 1;
        // No aligned window ever sees more than the limit; see Counting/README.md.
        Assert.InRange(tally.Passed, Limit / 10, windows * Limit / 10);
        Assert.Equal(Requests * 2, tally.Passed + tally.Refused);
    }

    [Fact]
    public async Task The_death_of_one_gateway_changes_nothing_of_the_limit()
    {
        await using var fleet = await Fleet.StartAsync(Redis, ("/log", $"{{ allow: {Limit}/minute, algorithm: slidingLog }}"));
        var before = await fleet.HammerAsync("/log", Limit / 2);
        var tally = await fleet.HammerAsync("/log", Requests, between: () =>
        {
            fleet.Instances[0].Signal(9);
            return Task.CompletedTask;
        });
        Assert.True(tally.Lost > 0);
        Assert.Equal(0, tally.Other);
        Assert.Equal((long)Limit, await server.AskAsync("LLEN", Assert.Single(await server.KeysAsync(), k => k.Contains("}:route", StringComparison.Ordinal))));
        // What the dead one was about to answer was counted, and nobody heard.
        Assert.InRange(before.Passed + tally.Passed, Limit - Math.Min(tally.Lost, 64), Limit);
    }

    [Fact]
    public async Task Scripts_flushed_over_and_over_cost_no_request_and_no_count()
    {
        await using var fleet = await Fleet.StartAsync(Redis, ("/fixed", $"{{ allow: {Limit}/{await WindowAsync()}, algorithm: fixedWindow }}"));
        using var flushing = new CancellationTokenSource();
        var flushes = Task.Run(async () =>
        {
            for (; !flushing.IsCancellationRequested; await Task.Yield())
            {
                await server.AskAsync("SCRIPT", "FLUSH");
            }
        });
        var tally = await fleet.HammerAsync("/fixed", Requests);
        await flushing.CancelAsync();
        await flushes;
        Assert.Equal((Limit, Requests - Limit, 0, 0), (tally.Passed, tally.Refused, tally.Lost, tally.Other));
    }

    [Fact]
    public async Task A_Redis_that_writes_all_down_counts_on_where_it_was_after_a_restart()
    {
        await using var durable = await RedisServer.StartAsync(null, "--appendonly", "yes", "--appendfsync", "always");
        RedisLimitStore[] stores = [Stores.Another(durable), Stores.Another(durable), Stores.Another(durable)];
        var plan = Stores.Plan("durable", Stores.Rule(LimitAlgorithm.FixedWindow, Limit, TimeSpan.FromDays(30)));
        var (passed, restart) = (0, Task.CompletedTask);
        await Task.WhenAll(Enumerable.Range(0, 64).Select(client => Task.Run(async () =>
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
            for (var more = true; more;)
            {
                try
                {
                    more = (await stores[client % 3].TakeAsync(plan, "@acme", 1)).Passes;
                    if (more && Interlocked.Increment(ref passed) == Limit / 2)
                    {
                        restart = RestartAsync(durable);
                    }
                }
                catch (Exception e) when (e is IOException or TimeoutException)
                {
                    await timer.WaitForNextTickAsync();
                }
            }
        })));
        await restart;
        // What was on its way when it died may have been counted, and nobody heard.
        Assert.InRange(passed, Limit - 64, Limit);
        Assert.Equal(0, (await stores[0].ReadAsync(plan, "@acme"))[0].Remaining);
        foreach (var store in stores)
        {
            await store.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_Redis_that_comes_back_empty_gives_nothing_twice_to_who_was_at_a_limit()
    {
        await using var fleet = await Fleet.StartAsync(Redis, ("/bucket", $"{{ allow: {Limit}/minute, algorithm: tokenBucket }}"),
            ("/sliding", $"{Limit}/{await WindowAsync()}"), ("/log", $"{{ allow: {Limit}/minute, algorithm: slidingLog }}"));
        var began = Stopwatch.GetTimestamp();
        var passed = await PassAsync();
        await server.KillAsync();
        passed = passed.And(await PassAsync());
        await server.UpAsync();
        foreach (var instance in fleet.Instances)
        {
            await fleet.SaysAsync(instance.Admin + "/metrics", "postern_rate_limit_mode{mode=\"shared\"} 1");
        }
        passed = passed.And(await PassAsync());
        var refilled = (int)(Stopwatch.GetElapsedTime(began).TotalMinutes * Limit);
        Assert.InRange(passed.Bucket, Limit, Limit + refilled + fleet.Instances.Count);
        Assert.Equal((Limit, Limit), (passed.Sliding, passed.Log));

        async Task<Passed> PassAsync() => new(
            (await fleet.HammerAsync("/bucket", Requests / 2)).Passed, (await fleet.HammerAsync("/sliding", Requests / 2)).Passed, (await fleet.HammerAsync("/log", Requests / 2)).Passed);
    }

    [Fact]
    public async Task A_Redis_that_stops_and_goes_on_costs_nobody_an_answer()
    {
        await using var fleet = await Fleet.StartAsync($"{{ url: {server.Url}, timeout: 100ms }}", ("/fixed", $"{{ allow: {Limit}/{await WindowAsync()}, algorithm: fixedWindow }}"));
        Assert.Equal(100, (await fleet.HammerAsync("/fixed", 100)).Passed);
        server.Pause();
        Fleet.Tally stopped;
        try
        {
            stopped = await fleet.HammerAsync("/fixed", Requests);
            foreach (var instance in fleet.Instances)
            {
                await instance.SaysAsync("alone");
            }
            // Each by its share.
            Assert.InRange(stopped.Passed, 1, Limit + 200);
            Assert.Equal(Requests, stopped.Passed + stopped.Refused);
            Assert.InRange(stopped.Longest, TimeSpan.Zero, TimeSpan.FromSeconds(2));
            Assert.All(fleet.Instances, i => Assert.Contains("Redis fails", i.Error, StringComparison.Ordinal));
        }
        finally
        {
            server.GoOn();
        }
        foreach (var instance in fleet.Instances)
        {
            await fleet.SaysAsync(instance.Admin + "/metrics", "postern_rate_limit_mode{mode=\"shared\"} 1");
        }
        var after = await fleet.HammerAsync("/fixed", Requests);
        Assert.Equal(Requests, after.Passed + after.Refused);
        // Once each way, however often the machine was too slow; of a second return within ten seconds, or a start alone, nothing is told yet.
        Assert.All(fleet.Instances, i => Assert.InRange(Times(i, "counted in Redis, shared") - Times(i, "alone, with its share"), -1, 1));
    }

    public async ValueTask InitializeAsync() => server = await RedisServer.StartAsync("s3cret:/");

    public async ValueTask DisposeAsync() => await (server?.DisposeAsync() ?? default);

    /// <summary>A machine that has much else to do must not make a gateway count alone.</summary>
    private string Redis => $"{{ url: \"{server.Url}\", timeout: 2s }}";

    private static async Task RestartAsync(RedisServer server)
    {
        await server.KillAsync();
        await server.UpAsync();
    }

    private sealed record Passed(int Bucket, int Sliding, int Log)
    {
        public Passed And(Passed other) => new(Bucket + other.Bucket, Sliding + other.Sliding, Log + other.Log);
    }

    private static int Times(RunningTool tool, string text) => tool.Error.Split('\n').Count(l => l.Contains(text, StringComparison.Ordinal));

    private async Task<long> NowAsync()
    {
        var time = (IReadOnlyList<object?>)(await server.AskAsync("TIME"))!;
        return long.Parse((string)time[0]!, CultureInfo.InvariantCulture) * 1_000_000 + long.Parse((string)time[1]!, CultureInfo.InvariantCulture);
    }

    /// <summary>A window that doesn't end within the next minutes.</summary>
    private async Task<string> WindowAsync() => await NowAsync() / 1_000_000 % 3600 < 3300 ? "hour" : "90m";
}
