using System.Text.Json;
using Postern.Edge.RateLimiting;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.RateLimiting;

/// <summary>A caller who was at a limit when the store went gets what comes back since then, here and from a store that has forgotten.</summary>
public sealed class RefusedBeforeTests
{
    private const int Limit = 60;
    private const int Instances = 3;

    private readonly SteppedTime time = LimitedGateway.AtMidnight();
    private readonly FakeStore store;

    public RefusedBeforeTests()
    {
        store = new FakeStore(time);
        store.Live(Instances);
    }

    private async Task<LimitedGateway> StartAsync(string limit)
    {
        var gateway = LimitedGateway.Start($$"""
            redis: { url: "redis://127.0.0.1:1", timeout: 50ms }
            gates:
              web: { identity: off, rateLimit: { {{limit}} }, routes: [{ get: /a, respond: 200 }, { get: /dear, cost: 5, respond: 200 }] }
            """, g => g.Config.Provide<ILimitStoreProvider>(store), Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, time);
        await ModeAsync(gateway, shared: true);
        return gateway;
    }

    [Theory]
    [InlineData("allow: 60/minute, algorithm: tokenBucket", 12, 18)]
    [InlineData("allow: 60/minute", 0, 0)]
    [InlineData("allow: 60/minute, algorithm: fixedWindow", 0, 0)]
    [InlineData("allow: 60/minute, algorithm: slidingLog", 0, 0)]
    public async Task An_outage_gives_no_quota_anew(string limit, int least, int most)
    {
        await using var gateway = await StartAsync(limit);
        Assert.Equal(Limit, await gateway.PassAsync(Limit * 2, "/a"));
        store.Die(new IOException());
        var alone = await PassAsync(gateway, 20);
        store.Live(Instances);
        store.Forget();
        await ModeAsync(gateway, shared: true);
        var back = await PassAsync(gateway, 30);

        // One of three instances lets a third pass of what comes back: at sixty a minute, in some fifty seconds.
        Assert.InRange(alone.Concat(back).Sum(), least, most);
        Assert.All(alone.Concat(back), passed => Assert.InRange(passed, 0, 1));
    }

    [Fact]
    public async Task What_waits_for_the_last_window_to_weigh_less_goes_on_to_pass_as_it_does()
    {
        await using var gateway = await StartAsync("allow: 60/minute");
        Assert.Equal(Limit, await gateway.PassAsync(Limit, "/a"));
        time.Advance(TimeSpan.FromSeconds(90));
        // Half of the last window still counts.
        Assert.Equal(Limit / 2, await gateway.PassAsync(Limit, "/a"));
        store.Die(new IOException());
        var alone = await PassAsync(gateway, 30);
        Assert.InRange(alone.Sum(), 8, Limit / 2 / Instances + 1);
        Assert.All(alone, passed => Assert.InRange(passed, 0, 1));
    }

    [Theory]
    [InlineData("allow: 60/minute, algorithm: tokenBucket")]
    [InlineData("allow: 60/minute")]
    [InlineData("allow: 60/minute, algorithm: fixedWindow")]
    public async Task Who_was_at_a_limit_is_so_however_many_instances_there_are_now(string limit)
    {
        await using var gateway = await StartAsync(limit);
        Assert.Equal(Limit, await gateway.PassAsync(Limit * 2, "/a"));
        foreach (var instances in (int[])[1, 6, 2])
        {
            store.Die(new IOException());
            Assert.InRange(await gateway.PassAsync(Limit / 2, "/a"), 0, Limit / 5);
            store.Forget();
            store.Live(instances);
            await ModeAsync(gateway, shared: true);
            await FakeStore.UntilAsync(() =>
            {
                time.Advance(TimeSpan.FromMilliseconds(100));
                return gateway.Metric("postern_rate_limit_instances") == $"{instances}";
            });
            // What came back in the seconds that this took.
            Assert.InRange(await gateway.PassAsync(Limit / 2, "/a"), 0, Limit / 5);
        }
    }

    [Theory]
    [InlineData("allow: 60/minute, algorithm: tokenBucket")]
    [InlineData("allow: 60/minute")]
    public async Task What_came_back_to_a_share_is_not_lost_when_instances_die_and_come(string limit)
    {
        await using var gateway = await StartAsync(limit);
        Assert.Equal(Limit, await gateway.PassAsync(Limit * 2, "/a"));
        store.Die(new IOException());
        Assert.Equal(0, await gateway.PassAsync(3, "/a"));
        // A minute for the window to be the one before, and half of what it holds.
        time.Advance(TimeSpan.FromSeconds(limit.Contains("Bucket", StringComparison.Ordinal) ? 30 : 90));
        Assert.Equal(1, await gateway.PassAsync(1, "/a"));
        store.Forget();
        foreach (var instances in (int[])[2, 3, 2])
        {
            store.Live(instances);
            await FakeStore.UntilAsync(() =>
            {
                time.Advance(TimeSpan.FromMilliseconds(100));
                return gateway.Metric("postern_rate_limit_instances") == $"{instances}";
            });
            Assert.Equal(1, await gateway.PassAsync(1, "/a"));
        }
        // Half of one of two shares is fifteen.
        Assert.InRange(await gateway.PassAsync(Limit, "/a"), 8, 15);
    }

    [Fact]
    public async Task What_is_told_of_a_caller_is_what_passes()
    {
        await using var gateway = await StartAsync("allow: 60/minute, algorithm: tokenBucket");
        Assert.Equal(Limit, await gateway.PassAsync(Limit * 2, "/a"));
        Assert.Equal(("shared", 0L), await ToldAsync(gateway));
        store.Die(new IOException());
        await gateway.PassAsync(4, "/a", from: "192.0.2.9");
        time.Advance(TimeSpan.FromSeconds(30));
        // A third of what comes back in half a minute.
        Assert.Equal(("local", 10L), await ToldAsync(gateway));
        Assert.Equal(10, await gateway.PassAsync(Limit, "/a"));
        store.Live(Instances);
        store.Forget();
        await ModeAsync(gateway, shared: true);
        var (counted, left) = await ToldAsync(gateway);
        Assert.Equal("shared", counted);
        Assert.Equal(left, await gateway.PassAsync(Limit, "/a"));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task What_the_share_has_let_pass_is_not_counted_twice_because_the_store_fails(bool atOnce)
    {
        await using var gateway = await StartAsync("allow: 60/minute, algorithm: tokenBucket");
        Assert.Equal(Limit, await gateway.PassAsync(Limit * 2, "/a"));
        store.Die(new IOException());
        await gateway.PassAsync(4, "/a", from: "192.0.2.9");
        time.Advance(TimeSpan.FromSeconds(30));
        store.Live(Instances);
        await ModeAsync(gateway, shared: true);
        var (_, left) = await ToldAsync(gateway);
        store.Hold();
        store.Take = atOnce ? () => throw new IOException() : store.Take;
        for (var i = 0; i < 2; i++)
        {
            var asked = gateway.AskAsync("/a");
            if (!atOnce)
            {
                store.Next().SetException(new IOException());
            }
            Assert.True((await asked).Passed);
        }
        store.Take = null;
        Assert.Equal(("shared", left - 2), await ToldAsync(gateway));
    }

    [Fact]
    public async Task What_costs_less_than_what_was_refused_has_what_was_left()
    {
        await using var gateway = await StartAsync("allow: 60/minute, algorithm: fixedWindow, by: gate");
        Assert.Equal(Limit - 3, await gateway.PassAsync(Limit - 3, "/a"));
        Assert.Equal(0, await gateway.PassAsync(1, "/dear"));
        store.Die(new IOException());
        Assert.Equal(0, await gateway.PassAsync(3, "/dear"));
        Assert.Equal(3, await gateway.PassAsync(9, "/a"));
    }

    private static async Task<(string? Counted, long Left)> ToldAsync(LimitedGateway gateway)
    {
        using var body = new MemoryStream();
        await using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            await gateway.Limits.WriteAsync("192.0.2.1", json);
            json.WriteEndObject();
        }
        using var told = JsonDocument.Parse(body.ToArray());
        return (told.RootElement.GetProperty("counted").GetString(), told.RootElement.GetProperty("limits")[0].GetProperty("remaining").GetInt64());
    }

    /// <summary>How many pass in each of so many seconds, of three.</summary>
    private async Task<int[]> PassAsync(LimitedGateway gateway, int seconds)
    {
        var passed = new int[seconds];
        for (var i = 0; i < seconds; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            passed[i] = await gateway.PassAsync(3, "/a");
        }
        return passed;
    }

    private async Task ModeAsync(LimitedGateway gateway, bool shared)
    {
        var mode = $"postern_rate_limit_mode{{mode=\"{(shared ? "shared" : "local")}\"}}";
        await FakeStore.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            return gateway.NotReady is null && gateway.Metric(mode) == "1";
        });
    }
}
