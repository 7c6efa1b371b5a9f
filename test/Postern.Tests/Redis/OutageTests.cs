using System.Diagnostics;
using Postern.Edge.RateLimiting;
using Postern.Redis;
using Postern.Tests.Harness;

namespace Postern.Tests.Redis;

/// <summary>A Redis that is slow, stopped, killed, or not yet there: nobody waits for long, and all is well soon after its return.</summary>
[Collection(nameof(Alone))]
public sealed class OutageTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMilliseconds(100);

    /// <summary>What a machine with other work may add to a wait.</summary>
    private static readonly TimeSpan Noise = TimeSpan.FromMilliseconds(150);

    private static readonly TimeSpan Seconds = TimeSpan.FromSeconds(5);

    private static readonly LimitPlan Plan = Stores.Plan("p", Stores.Rule(LimitAlgorithm.FixedWindow, 1_000_000, TimeSpan.FromDays(30)));

    [Fact]
    public async Task A_stopped_Redis_holds_nobody_up_and_counts_again_when_it_goes_on()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = Stores.Open(server, timeout: Timeout);
        await AnswersAsync(store);
        server.Pause();
        try
        {
            var waits = new List<(Exception? Why, TimeSpan Wait)>();
            for (var i = 0; i < 200; i++)
            {
                waits.Add(await TryAsync(store));
            }
            Assert.All(waits, w => Assert.True(w.Why is IOException or TimeoutException, w.Why?.ToString()));
            Assert.All(waits, w => Assert.InRange(w.Wait, TimeSpan.Zero, Timeout + Noise));
            Assert.IsType<TimeoutException>(waits[0].Why);
            // Known by now.
            Assert.All(waits.Skip(10), w => Assert.IsType<IOException>(w.Why));
            Assert.InRange(waits.Skip(10).Max(w => w.Wait), TimeSpan.Zero, Noise);
            Assert.Equal($"Redis at 127.0.0.1:{server.Port} doesn't answer.", waits[^1].Why!.Message);
        }
        finally
        {
            server.GoOn();
        }
        await AnswersAsync(store, Seconds);
    }

    [Fact]
    public async Task A_killed_Redis_is_known_to_be_down_and_found_again()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = Stores.Open(server, timeout: Timeout);
        await AnswersAsync(store);
        for (var i = 0; i < 2; i++)
        {
            await server.KillAsync();
            var why = await FailsAsync(store);
            Assert.InRange((await TryAsync(store)).Wait, TimeSpan.Zero, Noise);
            Assert.Contains($"Redis at 127.0.0.1:{server.Port} ", why.Message);
            await server.UpAsync();
            await AnswersAsync(store, Seconds);
        }
    }

    [Fact]
    public async Task A_Redis_that_comes_later_than_the_gateway_is_found()
    {
        await using var server = RedisServer.Down();
        await using var store = Stores.Open(server, timeout: Timeout);
        Assert.InRange((await TryAsync(store)).Wait, TimeSpan.Zero, Timeout + Noise);
        var why = await FailsAsync(store);
        Assert.Equal($"Redis at 127.0.0.1:{server.Port} refuses connections.", why.Message);
        await server.UpAsync();
        await AnswersAsync(store, Seconds);
    }

    /// <summary>Waits until it counts.</summary>
    private static async Task<TimeSpan> AnswersAsync(RedisLimitStore store, TimeSpan? within = null)
    {
        var began = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (await TryAsync(store) is { Why: { } why })
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < (within ?? TestGateway.Patience), $"Still: {why.Message}");
            await timer.WaitForNextTickAsync();
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"back after {Stopwatch.GetElapsedTime(began)}");
        return Stopwatch.GetElapsedTime(began);
    }

    /// <summary>Waits until it is known to be down; says what is told.</summary>
    private static async Task<IOException> FailsAsync(RedisLimitStore store)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var (why, _) = await TryAsync(store);
            if (why is IOException down && store.Down is not null && !down.Message.Contains("connected yet"))
            {
                return down;
            }
            Assert.True(Stopwatch.GetElapsedTime(began) < TestGateway.Patience, $"Not down: {why}");
            await timer.WaitForNextTickAsync();
        }
    }

    private static async Task<(Exception? Why, TimeSpan Wait)> TryAsync(RedisLimitStore store)
    {
        var began = Stopwatch.GetTimestamp();
        try
        {
            await store.TakeAsync(Plan, "key", 1);
            return (null, Stopwatch.GetElapsedTime(began));
        }
        catch (Exception e)
        {
            return (e, Stopwatch.GetElapsedTime(began));
        }
    }
}
