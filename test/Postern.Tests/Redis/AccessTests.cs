using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Postern.Config;
using Postern.Edge.RateLimiting;
using Postern.Redis;
using Postern.Tests.Harness;

namespace Postern.Tests.Redis;

/// <summary>Passwords, users and what is said where they are wrong; never a credential.</summary>
public sealed class AccessTests
{
    private const string Secret = "p@ss/w:rd %{}";

    private static readonly LimitPlan Plan = Stores.Plan("p", Stores.Rule(LimitAlgorithm.FixedWindow, 1_000, TimeSpan.FromDays(30)));

    [Fact]
    public async Task A_password_is_sent_as_it_is_meant()
    {
        await using var server = await RedisServer.StartAsync(Secret);
        await using var store = Stores.Open(server);
        Assert.True((await store.TakeAsync(Plan, "key", 1)).Passes);
        await using var named = Open(server.Url.Replace("//:", "//default:", StringComparison.Ordinal));
        Assert.True((await named.TakeAsync(Plan, "key", 1)).Passes);
    }

    [Theory]
    [InlineData("redis://:wr0ng@127.0.0.1:{0}", "refuses the password")]
    [InlineData("redis://127.0.0.1:{0}", "wants a password")]
    [InlineData("redis://nobody:wr0ng@127.0.0.1:{0}", "refuses the user and password")]
    [InlineData("redis://host.invalid:{0}", "isn't found: its name has no address")]
    public async Task What_is_wrong_is_said_in_plain_words_without_the_password(string url, string why)
    {
        await using var server = await RedisServer.StartAsync(Secret);
        await using var store = Open(string.Format(System.Globalization.CultureInfo.InvariantCulture, url, server.Port));
        var e = await Assert.ThrowsAsync<IOException>(async () => await store.TakeAsync(Plan, "key", 1));
        Assert.EndsWith($":{server.Port} {why}.", e.Message);
        Assert.DoesNotContain("wr0ng", e.ToString());
    }

    [Fact]
    public async Task A_user_with_a_name_is_let_in_and_may_need_the_keys_of_the_prefix_only()
    {
        await using var server = await RedisServer.StartAsync();
        await server.AskAsync("ACL", "SETUSER", "gateway", "on", $">{Secret}", "~shop:*", "+@all", "-@admin", "-@dangerous", "+info", "+config|get", "+cluster|nodes");
        await server.AskAsync("ACL", "SETUSER", "default", "off");
        await using var store = new RedisLimitStore(
            RedisConnection.Share(new RedisOptions { Url = $"redis://gateway:{Uri.EscapeDataString(Secret)}@127.0.0.1:{server.Port}/1", Timeout = Stores.Patient, Prefix = "shop" }), "shop");
        for (var i = 1; i <= 50; i++)
        {
            Assert.Equal(1_000 - i, (await store.TakeAsync(Plan, "key", 1)).Remaining);
        }
    }

    [Fact]
    public async Task A_user_who_is_refused_is_not_let_in_as_nobody_where_Redis_is_open()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = Open($"redis://gateway:wr0ng@127.0.0.1:{server.Port}");
        var e = await Assert.ThrowsAsync<IOException>(async () => await store.TakeAsync(Plan, "key", 1));
        Assert.EndsWith("refuses the user and password.", e.Message);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(Secret)]
    public async Task An_IPv6_address_leads_there_too(string? password)
    {
        await using var server = await RedisServer.StartAsync(password, "--bind", "127.0.0.1", "-::1");
        using (var probe = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            var reached = await Record.ExceptionAsync(async () => await probe.ConnectAsync(IPAddress.IPv6Loopback, server.Port));
            Assert.SkipWhen(reached is not null, "no IPv6 here");
        }
        await using var store = Open(server.Url.Replace("127.0.0.1", "[::1]", StringComparison.Ordinal));
        for (var i = 1; i <= 50; i++)
        {
            Assert.Equal(1_000 - i, (await store.TakeAsync(Plan, "key", 1)).Remaining);
        }
    }

    [Fact]
    public async Task A_user_with_a_name_in_a_cluster_is_told_what_to_do_instead()
    {
        await using var one = await RedisServer.StartNodeAsync();
        await using var two = await RedisServer.StartNodeAsync();
        await two.AskAsync("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
        await one.MeetAsync(two);
        await one.SaysAsync("cluster_state:ok", "CLUSTER", "INFO");
        foreach (var node in (RedisServer[])[one, two])
        {
            await node.AskAllAsync(["ACL", "SETUSER", "gateway", "on", $">{Secret}", "~*", "&*", "+@all"], ["ACL", "SETUSER", "default", "off"]);
        }
        await using var store = Open($"redis://gateway:{Uri.EscapeDataString(Secret)}@127.0.0.1:{one.Port}");
        var e = await Assert.ThrowsAsync<IOException>(async () => await store.TakeAsync(Plan, "key", 1));
        Assert.EndsWith("is a cluster, to which neither users with names nor IPv6 lead: use the default user and IPv4.", e.Message);
    }

    [Fact]
    public async Task A_password_that_becomes_right_is_taken_without_a_restart()
    {
        await using var server = await RedisServer.StartAsync("first");
        await using var store = Open(server.Url.Replace("first", "second", StringComparison.Ordinal));
        await Assert.ThrowsAsync<IOException>(async () => await store.TakeAsync(Plan, "key", 1));
        await server.AskAsync("CONFIG", "SET", "requirepass", "second");
        var began = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (store.Down is not null)
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(5), store.Down);
            await timer.WaitForNextTickAsync();
        }
        Assert.True((await store.TakeAsync(Plan, "key", 1)).Passes);
    }

    [Theory]
    [InlineData("--maxmemory 1 --maxmemory-policy noeviction", "says: OOM")]
    [InlineData("--replicaof 127.0.0.1 1 --replica-read-only yes", "says: READONLY")]
    public async Task A_Redis_that_can_not_write_counts_as_down(string settings, string why)
    {
        await using var server = await RedisServer.StartAsync(null, settings.Split(' ') is var s && s[0] == "--replicaof" ? [s[0], $"{s[1]} {s[2]}", .. s[3..]] : s);
        await using var store = Open(server.Url);
        var e = await Assert.ThrowsAsync<IOException>(async () => await store.TakeAsync(Plan, "key", 1));
        Assert.Contains(why, e.Message);
        Assert.Contains(why, store.Down);
    }

    private static RedisLimitStore Open(string url) => new(RedisConnection.Share(new RedisOptions { Url = url, Timeout = Stores.Patient }), "postern");
}
