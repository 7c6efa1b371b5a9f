using System.Globalization;
using Postern.Config;
using Postern.Edge.RateLimiting;
using Postern.Redis;
using Postern.Tests.Harness;

namespace Postern.Tests.Redis;

/// <summary>What a store leaves in Redis, and what it asks of it.</summary>
public sealed class StoreTests : IAsyncLifetime
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private static readonly LimitPlan OfEachKind = Stores.Plan("of each kind", [.. Enum.GetValues<LimitAlgorithm>().Select(a => Stores.Rule(a, 20, name: $"{a}"))]);

    /// <summary>A tier's global limit and that of a group, each with a burst.</summary>
    private static readonly LimitPlan Tier = Stores.Plan("tier free",
        Stores.Rule(LimitAlgorithm.SlidingWindow, 100, name: "global"), Stores.Rule(LimitAlgorithm.TokenBucket, 100, capacity: 25, name: "global-burst"),
        Stores.Rule(LimitAlgorithm.SlidingWindow, 60, name: "read"), Stores.Rule(LimitAlgorithm.TokenBucket, 60, capacity: 15, name: "read-burst"));

    private RedisServer server = null!;

    [Fact]
    public async Task All_limits_of_a_request_are_decided_at_once_and_a_refused_one_writes_nothing()
    {
        await using var store = Stores.Open(server);
        for (var i = 0; i < 15; i++)
        {
            Assert.True((await store.TakeAsync(Tier, "@acme", 1)).Passes);
        }
        var before = await ChangesAsync();
        var refused = await store.TakeAsync(Tier, "@acme", 1);
        Assert.Equal((false, 3, 0L), (refused.Passes, refused.Tightest, refused.Remaining));
        Assert.InRange(refused.RetryAfter, TimeSpan.FromMicroseconds(1), TimeSpan.FromSeconds(1));
        Assert.Equal(before, await ChangesAsync());
        // Another's, and another plan's, are counted apart.
        Assert.True((await store.TakeAsync(Tier, "@acme2", 1)).Passes);
        Assert.True((await store.TakeAsync(Tier with { Name = "tier pro" }, "@acme", 1)).Passes);
        var left = await store.ReadAsync(Tier, "@acme");
        Assert.Equal([("global", 85L), ("global-burst", 10L), ("read", 45L), ("read-burst", 0L)], left.Select(r => (r.Rule.Name, r.Remaining)));
    }

    [Fact]
    public async Task A_route_s_plan_leaves_the_counters_of_other_groups_alone_and_they_live_on()
    {
        await using var store = Stores.Open(server);
        var both = Stores.Plan("tier", Stores.Rule(LimitAlgorithm.SlidingWindow, 5, Day, name: "export"), Stores.Rule(LimitAlgorithm.SlidingWindow, 5, TimeSpan.FromSeconds(1), name: "read"));
        Assert.Equal(4, (await store.TakeAsync(both with { Uses = [0] }, "@acme", 1)).Remaining);
        Assert.Equal(1, (await store.TakeAsync(both with { Uses = [1] }, "@acme", 1)).Tightest);
        Assert.Equal([4, 4], (await store.ReadAsync(both, "@acme")).Select(r => r.Remaining));
        Assert.InRange(await LifeAsync("postern:limit:{@acme}:tier"), TimeSpan.FromHours(24), TimeSpan.FromHours(48));
        Assert.Equal(3, (await store.TakeAsync(both with { Uses = [0] }, "@acme", 1)).Remaining);
    }

    [Fact]
    public async Task Every_key_expires_as_soon_as_it_no_longer_matters()
    {
        await using var store = Stores.Open(server);
        foreach (var rule in OfEachKind.Rules)
        {
            await store.TakeAsync(Stores.Plan($"{rule.Algorithm}", rule), "@acme", 1);
            var recovered = (await store.ReadAsync(Stores.Plan($"{rule.Algorithm}", rule), "@acme"))[0].Reset;
            var key = Assert.Single(await server.KeysAsync(), k => k.Contains($":{rule.Algorithm}", StringComparison.Ordinal));
            Assert.InRange(await LifeAsync(key), recovered - TimeSpan.FromSeconds(2), recovered + TimeSpan.FromMilliseconds(3));
        }
        await store.TakeAsync(OfEachKind, "@other", 2);
        await store.BeatAsync("one", TimeSpan.FromSeconds(30));
        var last = (await server.KeysAsync()).Where(k => k.Contains("@other", StringComparison.Ordinal) || k == "postern:instances").ToList();
        Assert.Equal(3, last.Count);
        foreach (var key in last)
        {
            Assert.InRange(await LifeAsync(key), TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(2));
        }
    }

    [Fact]
    public async Task Nothing_is_left_once_it_has_recovered()
    {
        await using var store = Stores.Open(server);
        var plan = Stores.Plan("brief", [.. Enum.GetValues<LimitAlgorithm>().Select(a => Stores.Rule(a, 20, TimeSpan.FromMilliseconds(200), name: $"{a}"))]);
        for (var i = 0; i < 20; i++)
        {
            await store.TakeAsync(plan, $"@{i}", 1);
        }
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while ((await server.KeysAsync()).Any(k => k.Contains("brief", StringComparison.Ordinal)))
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    [Fact]
    public async Task Memory_for_a_consumer_does_not_grow_with_what_it_sends()
    {
        await using var store = Stores.Open(server);
        await store.TakeAsync(Tier, "@acme", 1);
        var first = await BytesAsync("postern:limit:{@acme}:tier%20free");
        for (var i = 0; i < 200; i++)
        {
            await store.TakeAsync(Tier, "@acme", 1);
        }
        var later = await BytesAsync("postern:limit:{@acme}:tier%20free");
        TestContext.Current.TestOutputHelper?.WriteLine($"four rules: {first} bytes, then {later}");
        Assert.Equal(first, later);
        Assert.InRange(later, 100, 320);
        var log = Stores.Plan("log", Stores.Rule(LimitAlgorithm.SlidingLog, 10_000));
        await store.TakeAsync(log, "@acme", 10_000);
        Assert.False((await store.TakeAsync(log, "@acme", 1)).Passes);
        var logged = await BytesAsync(Assert.Single(await server.KeysAsync(), k => k.Contains("}:log:", StringComparison.Ordinal)));
        TestContext.Current.TestOutputHelper?.WriteLine($"a log of 10,000: {logged} bytes");
        Assert.InRange(logged, 80_000, 130_000);
    }

    [Fact]
    public async Task A_request_is_one_round_trip_whatever_the_number_of_limits()
    {
        await using var store = Stores.Open(server);
        await store.TakeAsync(Tier, "@acme", 1);
        await server.AskAsync("CONFIG", "RESETSTAT");
        for (var i = 0; i < 10; i++)
        {
            await store.TakeAsync(Tier, "@acme", 1);
        }
        var stats = (string)(await server.AskAsync("INFO", "commandstats"))!;
        Assert.Contains("cmdstat_evalsha:calls=10,", stats, StringComparison.Ordinal);
        Assert.DoesNotContain("cmdstat_eval:", stats, StringComparison.Ordinal);
        Assert.DoesNotContain("cmdstat_script", stats, StringComparison.Ordinal);
        Assert.Contains("cmdstat_hmget:calls=10,", stats, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_reset_begins_anew()
    {
        await using var store = Stores.Open(server);
        await store.TakeAsync(OfEachKind, "@acme", 20);
        Assert.False((await store.TakeAsync(OfEachKind, "@acme", 1)).Passes);
        await store.ResetAsync(OfEachKind, "@acme");
        Assert.DoesNotContain(await server.KeysAsync(), k => k.Contains("acme", StringComparison.Ordinal));
        Assert.All(await store.ReadAsync(OfEachKind, "@acme"), r => Assert.Equal((20L, TimeSpan.Zero), (r.Remaining, r.Reset)));
        Assert.True((await store.TakeAsync(OfEachKind, "@acme", 20)).Passes);
    }

    [Fact]
    public async Task Flushed_scripts_fail_no_request_and_lose_no_count()
    {
        await using var store = Stores.Open(server);
        var plan = Stores.Plan("flushed", Stores.Rule(LimitAlgorithm.FixedWindow, 1_000, TimeSpan.FromDays(30)));
        using var flushing = new CancellationTokenSource();
        var flushes = Task.Run(async () =>
        {
            for (; !flushing.IsCancellationRequested; await Task.Yield())
            {
                await server.AskAsync("SCRIPT", "FLUSH");
            }
        });
        var passed = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 100; i++)
            {
                Interlocked.Add(ref passed, (await store.TakeAsync(plan, "@acme", 1)).Passes ? 1 : 0);
            }
        })));
        await flushing.CancelAsync();
        await flushes;
        Assert.Equal(1_000, passed);
    }

    [Fact]
    public async Task Whatever_callers_send_their_keys_differ_and_those_of_one_are_in_one_slot()
    {
        await using var cluster = await RedisServer.StartNodeAsync();
        await cluster.AskAsync("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
        await cluster.SaysAsync("cluster_state:ok", "CLUSTER", "INFO");
        await using var store = Stores.Open(cluster, "a{b}%:c");
        string[] keys =
        [
            "@acme", "", "{", "}", "{}", "}{", "a}b{c", "}:of%20each%20kind", "%", "%25", "#", "=é", "=\u00e9\u0301", "=\ud800", "=\ud801", "2001:db8::/64", "=a b\r\nc\0",
            "=\x7f", new('x', 128), new('x', 129), new('x', 130), "#" + new string('0', 64), "=%uD800",
        ];
        foreach (var key in keys)
        {
            Assert.True((await store.TakeAsync(OfEachKind, key, 20)).Passes, key);
            Assert.False((await store.TakeAsync(OfEachKind, key, 1)).Passes, key);
        }
        var names = await cluster.KeysAsync();
        Assert.Equal(2 * keys.Length, names.Count(n => n.Contains(":limit:", StringComparison.Ordinal)));
        Assert.All(names, n => Assert.Matches("^a%7Bb%7D%25:c:[!-~]+$", n));
        foreach (var name in names.Where(n => n.Contains(":limit:", StringComparison.Ordinal)))
        {
            // Two keys each: the hash's name begins the log's.
            var tag = name[..(name.IndexOf('}') + 1)];
            Assert.Equal(2, names.Count(n => n.StartsWith(tag, StringComparison.Ordinal)));
            Assert.Equal(await cluster.AskAsync("CLUSTER", "KEYSLOT", tag), await cluster.AskAsync("CLUSTER", "KEYSLOT", name));
        }
        await store.ResetAsync(OfEachKind, "a}b{c");
        Assert.Equal(2 * keys.Length - 2, (await cluster.KeysAsync()).Count(n => n.Contains(":limit:", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task In_a_cluster_each_consumer_is_counted_where_its_slot_is()
    {
        await using var one = await RedisServer.StartNodeAsync();
        await using var two = await RedisServer.StartNodeAsync();
        await one.AskAsync("CLUSTER", "ADDSLOTSRANGE", "0", "8191");
        await two.AskAsync("CLUSTER", "ADDSLOTSRANGE", "8192", "16383");
        await one.MeetAsync(two);
        await one.SaysAsync("cluster_slots_ok:16384", "CLUSTER", "INFO");
        await one.SaysAsync("cluster_state:ok", "CLUSTER", "INFO");
        await two.SaysAsync("cluster_state:ok", "CLUSTER", "INFO");
        await using var store = Stores.Open(one);
        for (var i = 0; i < 50; i++)
        {
            Assert.True((await store.TakeAsync(OfEachKind, $"@{i}", 20)).Passes);
            Assert.False((await store.TakeAsync(OfEachKind, $"@{i}", 1)).Passes);
        }
        var (here, there) = ((await one.KeysAsync()).Count(k => k.Contains(":limit:", StringComparison.Ordinal)), (await two.KeysAsync()).Count(k => k.Contains(":limit:", StringComparison.Ordinal)));
        Assert.Equal(100, here + there);
        Assert.InRange(here, 20, 80);
    }

    [Fact]
    public async Task A_cluster_is_found_again_without_the_node_that_the_URL_names()
    {
        await using var named = await RedisServer.StartNodeAsync();
        await using var other = await RedisServer.StartNodeAsync();
        await other.AskAsync("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
        await named.MeetAsync(other);
        await named.SaysAsync("cluster_slots_ok:16384", "CLUSTER", "INFO");
        await named.SaysAsync("cluster_state:ok", "CLUSTER", "INFO");
        await other.SaysAsync("cluster_state:ok", "CLUSTER", "INFO");
        await using var store = Stores.Open(named, timeout: TimeSpan.FromSeconds(1));
        Assert.True((await store.TakeAsync(Tier, "@acme", 1)).Passes);
        await named.KillAsync();
        other.Pause();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        // For so long that the connection is made anew.
        while (store.Down?.Contains("refuses connections", StringComparison.Ordinal) != true)
        {
            _ = await Record.ExceptionAsync(async () => await store.TakeAsync(Tier, "@acme", 1));
            await timer.WaitForNextTickAsync(patience.Token);
        }
        other.GoOn();
        while (store.Down is not null)
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
        Assert.True((await store.TakeAsync(Tier, "@acme", 1)).Passes);
    }

    [Fact]
    public async Task Instances_that_live_are_counted_until_they_leave_or_fall_silent()
    {
        await using var one = Stores.Open(server);
        var two = Stores.Another(server);
        await using var three = Stores.Another(server);
        Assert.Equal(1, await one.BeatAsync("one", TimeSpan.FromSeconds(30)));
        Assert.Equal(1, await one.BeatAsync("one", TimeSpan.FromSeconds(30)));
        Assert.Equal(2, await two.BeatAsync("two", TimeSpan.FromSeconds(20)));
        Assert.InRange(await LifeAsync("postern:instances"), TimeSpan.FromSeconds(25), TimeSpan.FromSeconds(31));
        await two.DisposeAsync();
        Assert.Equal(1, await one.BeatAsync("one", TimeSpan.FromSeconds(30)));
        Assert.Equal(2, await three.BeatAsync("three", TimeSpan.FromMilliseconds(1)));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while (await one.BeatAsync("one", TimeSpan.FromSeconds(30)) != 1)
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    [Fact]
    public async Task One_URL_is_one_connection_and_each_prefix_counts_apart()
    {
        await using var one = Stores.Open(server);
        await using var two = Stores.Open(server);
        await using var other = Stores.Open(server, "other");
        await using var database = new RedisLimitStore(RedisConnection.Share(new RedisOptions { Url = server.Url + "/3", Timeout = Stores.Patient }), "postern");
        var plan = Stores.Plan("p", Stores.Rule(LimitAlgorithm.FixedWindow, 10, Day));
        Assert.Equal(9, (await one.TakeAsync(plan, "@acme", 1)).Remaining);
        Assert.Equal(8, (await two.TakeAsync(plan, "@acme", 1)).Remaining);
        Assert.Equal(9, (await other.TakeAsync(plan, "@acme", 1)).Remaining);
        Assert.Equal(9, (await database.TakeAsync(plan, "@acme", 1)).Remaining);
        Assert.Equal(["other:limit:{@acme}:p", "postern:limit:{@acme}:p"], (await server.KeysAsync()).Where(k => k.Contains(":limit:", StringComparison.Ordinal)));
        Assert.Contains("db3:keys=", (string)(await server.AskAsync("INFO", "keyspace"))!, StringComparison.Ordinal);
        Assert.Same(RedisConnection.Share(Stores.Options(server)), RedisConnection.Share(Stores.Options(server)));
    }

    [Fact]
    public async Task What_somebody_else_wrote_under_a_key_is_an_error_and_the_next_key_is_fine()
    {
        await using var store = Stores.Open(server);
        await server.AskAsync("SET", "postern:limit:{@acme}:tier%20free", "mine");
        var e = await Assert.ThrowsAsync<IOException>(async () => await store.TakeAsync(Tier, "@acme", 1));
        Assert.StartsWith($"Redis at 127.0.0.1:{server.Port} says: WRONGTYPE", e.Message);
        Assert.True((await store.TakeAsync(Tier, "@other", 1)).Passes);
        await server.AskAsync("DEL", "postern:limit:{@acme}:tier%20free");
        await server.AskAsync("HSET", "postern:limit:{@acme}:tier%20free", "e", "x", "f", "y");
        Assert.True((await store.TakeAsync(Tier, "@acme", 1)).Passes);
    }

    public async ValueTask InitializeAsync() => server = await RedisServer.StartAsync();

    public async ValueTask DisposeAsync() => await (server?.DisposeAsync() ?? default);

    private async Task<TimeSpan> LifeAsync(string key) => TimeSpan.FromMilliseconds((long)(await server.AskAsync("PTTL", key))!);

    private async Task<long> BytesAsync(string key) => (long)(await server.AskAsync("MEMORY", "USAGE", key, "SAMPLES", "0"))!;

    private async Task<long> ChangesAsync()
    {
        var info = (string)(await server.AskAsync("INFO", "persistence"))!;
        return long.Parse(info.Split('\n').First(l => l.StartsWith("rdb_changes_since_last_save:", StringComparison.Ordinal)).Split(':')[1], CultureInfo.InvariantCulture);
    }
}
