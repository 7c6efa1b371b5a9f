using System.Text.RegularExpressions;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.ApiKeys;

/// <summary>Keys in a real Redis, made by the command and used at two gateways.</summary>
public sealed partial class SharedKeysTests : IAsyncLifetime
{
    private RedisServer redis = null!;
    private SharedGateway one = null!;
    private SharedGateway other = null!;

    public async ValueTask InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        (one, other) = (await SharedGateway.StartAsync(redis.Url), await SharedGateway.StartAsync(redis.Url, redis: "timeout: 1999ms"));
        await one.UntilAsync("nobody's", 401);
        await other.UntilAsync("nobody's", 401);
    }

    public async ValueTask DisposeAsync()
    {
        await one.DisposeAsync();
        await other.DisposeAsync();
        await redis.DisposeAsync();
    }

    [Fact]
    public async Task A_key_that_the_command_makes_is_good_at_every_gateway_and_nowhere_to_be_read()
    {
        var key = Make("create", "--name", "acme", "--tier", "partner", "--scopes", "a,b", "--expires", "10m");
        Assert.Equal((200, 200, 401), (await one.StatusAsync(key), await other.StatusAsync(key), await one.StatusAsync(key + "x")));
        var hash = KeyOptions.For("acme", key).Hash!;
        Assert.Equal(["postern:{keys}", $"postern:{{keys}}:{hash}", "postern:{keys}:version"], (await redis.KeysAsync()).Where(k => k.Contains("keys")));
        var entry = (IReadOnlyList<object?>)(await redis.AskAsync("HGETALL", $"postern:{{keys}}:{hash}"))!;
        Assert.Equal(["name", "acme", "last4", key[^4..], "tier", "partner", "scopes", "a b", "created", "1970-01-01T00:00:00Z", "expires", "1970-01-01T00:10:00Z"], entry);
        Assert.Equal((0, $"""
            NAME  LAST4  TIER     SCOPES  CREATED               EXPIRES               STATE
            acme  {key[^4..]}   partner  a,b     1970-01-01T00:00:00Z  1970-01-01T00:10:00Z  active

            """, ""), Keys("list"));
        one.Time.Advance(TimeSpan.FromMinutes(10));
        await one.UntilAsync(key, 401);
    }

    [Fact]
    public async Task A_new_key_is_good_at_once_where_it_was_just_refused()
    {
        var key = "my-own-key-of-long-ago";
        Assert.Equal(401, await one.StatusAsync(key));
        await redis.AskAsync("HSET", Entry(key), "name", "acme");
        Assert.Equal(401, await one.StatusAsync(key));
        await redis.AskAsync("PUBLISH", "postern:{keys}:changed", KeyOptions.For("acme", key).Hash!);
        await one.UntilAsync(key, 200);
    }

    [Fact]
    public async Task A_revoked_key_is_refused_everywhere_by_the_message_alone()
    {
        var (key, kept) = (Make("create", "--name", "acme"), Make("create", "--name", "other"));
        Assert.Equal((200, 200, 200), (await one.StatusAsync(key), await other.StatusAsync(key), await one.StatusAsync(kept)));
        Assert.Equal((0, "", $"Revoked the key of acme that ends in {key[^4..]}.\n"), Keys("revoke", "acme"));
        // No clock moves.
        await one.UntilAsync(key, 401);
        await other.UntilAsync(key, 401);
        Assert.Equal(200, await one.StatusAsync(kept));
        Assert.Equal($"The key of acme that ends in {key[^4..]} was revoked already.\n", Keys("revoke", "--last4", key[^4..]).Error);
    }

    [Fact]
    public async Task A_revoked_key_is_refused_within_5_s_where_the_message_is_lost()
    {
        // Not by the command, which sends a message too: it may come late, and would then tell of this.
        var key = "a-key-that-no-message-tells-of";
        await redis.AskAsync("HSET", Entry(key), "name", "acme");
        Assert.Equal(200, await one.StatusAsync(key));
        await redis.AskAsync("HSET", Entry(key), "revoked", "1970-01-01T00:00:00Z");
        Assert.Equal(200, await one.StatusAsync(key));
        one.Time.Advance(TimeSpan.FromSeconds(5) - TimeSpan.FromMilliseconds(100));
        Assert.Equal(401, await one.StatusAsync(key));
        Assert.Equal(200, await other.StatusAsync(Make("create", "--name", "else")));
    }

    [Fact]
    public async Task A_key_is_replaced_with_an_overlap()
    {
        var old = Make("create", "--name", "acme", "--tier", "partner");
        Assert.Equal(200, await one.StatusAsync(old));
        var (code, fresh, error) = Keys("rotate", "acme", "--overlap", "10m");
        Assert.Equal((0, "The old key ends at 1970-01-01T00:10:00Z at the latest."), (code, error.Split('\n')[0]));
        Assert.Equal((200, 200), (await one.StatusAsync(old), await one.StatusAsync(fresh.Trim())));
        Assert.Equal(200, await other.StatusAsync(old));
        one.Time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal((401, 200), (await one.StatusAsync(old), await one.StatusAsync(fresh.Trim())));
        Assert.Equal(["partner", "partner"], Keys("list").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..].Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[2]));
    }

    [Fact]
    public async Task A_hundred_requests_at_once_are_one_question_and_a_known_key_is_none()
    {
        var key = Make("create", "--name", "acme");
        var before = await QuestionsAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => other.StatusAsync(key)));
        Assert.All(answers, a => Assert.Equal(200, a));
        for (var i = 0; i < 20; i++)
        {
            await other.StatusAsync(key);
        }
        Assert.Equal(before + 1, await QuestionsAsync());
    }

    [Fact]
    public async Task A_key_in_use_is_asked_about_before_its_time_is_up()
    {
        var key = Make("create", "--name", "acme");
        Assert.Equal(200, await one.StatusAsync(key));
        var before = await QuestionsAsync();
        for (var i = 1; i <= 5; i++)
        {
            one.Time.Advance(SharedKeys.Age / 2);
            Assert.Equal(200, await one.StatusAsync(key));
            await UntilAskedAsync(key, before + i);
        }
    }

    [Fact]
    public async Task While_Redis_is_down_known_keys_go_on_for_a_while_and_others_get_503()
    {
        var (known, unknown, revoked) = (Make("create", "--name", "acme"), Make("create", "--name", "other"), Make("create", "--name", "bad"));
        Assert.Equal((200, 200), (await one.StatusAsync(known), await one.StatusAsync(revoked)));
        Keys("revoke", "bad");
        await one.UntilAsync(revoked, 401);
        await redis.KillAsync();
        await one.UntilAsync(unknown, 503);
        var refused = await one.GetAsync(unknown);
        Assert.Equal((503, "1"), (refused.Status, refused["Retry-After"]));
        Assert.Contains("identity-unavailable", refused.Body);
        for (var i = 0; i < 29; i++)
        {
            Assert.Equal(200, await one.StatusAsync(known));
            one.Time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.NotEqual(200, await one.StatusAsync(revoked));
        one.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(503, await one.StatusAsync(known));
        Assert.Single(one.Log.Said, l => l.Contains("can't be asked for API keys"));
        await redis.UpAsync();
        // It has forgotten everything, as this one does.
        await one.UntilAsync(known, 401);
        Assert.Single(one.Log.Said, l => l.Contains("can be asked for API keys again"));
        await one.UntilAsync(Make("create", "--name", "acme"), 200);
        Assert.Equal((1, ""), (KeysConsole.Run(one.Time, "list", "--redis", "redis://127.0.0.1:1").Code, KeysConsole.Run(one.Time, "list", "--redis", "redis://127.0.0.1:1").Output));
    }

    [Fact]
    public async Task Messages_are_heard_again_after_an_outage()
    {
        await redis.KillAsync();
        await one.UntilAsync("any-other", 503);
        await redis.UpAsync();
        await one.UntilAsync("any-other", 401);
        var key = Make("create", "--name", "acme");
        await one.UntilAsync(key, 200);
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while ((long)((IReadOnlyList<object?>)(await redis.AskAsync("PUBSUB", "NUMSUB", "postern:{keys}:changed"))!)[1]! < 2)
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
        await one.UntilAsync(key, 200);
        Keys("revoke", "acme");
        await one.UntilAsync(key, 401);
    }

    [Fact]
    public async Task Without_an_outage_a_key_goes_on_for_its_age_alone()
    {
        await using var strict = await SharedGateway.StartAsync(redis.Url, ", outage: 0s");
        var key = Make("create", "--name", "acme");
        await strict.UntilAsync(key, 200);
        await redis.KillAsync();
        await strict.UntilAsync("any-other", 503);
        Assert.Equal(200, await strict.StatusAsync(key));
        strict.Time.Advance(SharedKeys.Age);
        Assert.Equal(503, await strict.StatusAsync(key));
    }

    [Theory]
    [InlineData("it is no hash", "HSET", "tier", "x")]
    [InlineData("it has no name", "HSET", "name", "")]
    [InlineData("its name can't be read", "HSET", "name", "a\nb")]
    [InlineData("its name can't be read", "HSET", "name", "+200")]
    [InlineData("it is no hash", "HSET", "name", "+2000")]
    [InlineData("it is no hash", "HSET", "name", "acme", "scopes", "+20000")]
    [InlineData("it is no hash", "HSET", "name", "\u00ff")]
    [InlineData("it has a scope of more than 256 characters", "HSET", "name", "acme", "scopes", "+300")]
    [InlineData("its scopes[1] can't be read", "HSET", "name", "acme", "scopes", "a \"")]
    [InlineData("it has more than 128 scopes", "HSET", "name", "acme", "scopes", "+129 words")]
    [InlineData("its expires can't be read", "HSET", "name", "acme", "expires", "soon")]
    [InlineData("its last4 can't be read", "HSET", "name", "acme", "last4", "12345")]
    [InlineData("it is no hash", "SADD", "name")]
    [InlineData("it is no hash", "RPUSH", "name", "acme")]
    public async Task A_damaged_entry_refuses_its_key_and_nothing_else(string says, string command, params string[] words)
    {
        var (key, good) = ("k1234", Make("create", "--name", "good"));
        await redis.AskAsync([command, Entry(key), .. words.Select(Long)]);
        await redis.AskAsync("ZADD", "postern:{keys}", "9", KeyOptions.For("x", key).Hash!);
        Assert.Equal((401, 200), (await one.StatusAsync(key), await one.StatusAsync(good)));
        var line = Assert.Single(one.Log.Said, l => l.Contains("is damaged"));
        Assert.Contains(says, line);
        Assert.Contains(KeyOptions.For("x", key).Hash!, line);
        Assert.DoesNotContain('\n', line);
        var (code, output, error) = Keys("list");
        Assert.Equal((0, 1), (code, output.Split('\n').Count(l => l.StartsWith("good"))));
        Assert.Contains("1 entry is damaged", error);
        Assert.Equal(0, Keys("rotate", "good").Code);
    }

    [Fact]
    public async Task Nobody_is_let_in_by_what_the_messages_say()
    {
        var key = Make("create", "--name", "acme");
        Assert.Equal(200, await one.StatusAsync(key));
        foreach (var message in (string[])["", "*", "x", new string('a', 64), new string('z', 64), new string('a', 10_000), "\0"])
        {
            await redis.AskAsync("PUBLISH", "postern:{keys}:changed", message);
        }
        Assert.Equal((200, 401), (await one.StatusAsync(key), await one.StatusAsync("x")));
    }

    [Fact]
    public async Task Commands_at_the_same_time_lose_no_key()
    {
        var made = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => Make("create", "--name", $"c{i}"))));
        Assert.Equal(8, made.Distinct().Count());
        Assert.Equal(9, Keys("list").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        foreach (var key in made)
        {
            Assert.Equal(200, await one.StatusAsync(key));
        }
    }

    [Fact]
    public async Task More_keys_than_one_script_lists_are_listed_in_the_order_made()
    {
        await redis.AskAllAsync([.. Enumerable.Range(0, 450).Select(i => KeyOptions.For($"c{i}", $"k{i}").Hash!).SelectMany((hash, i) =>
            (string[][])[["HSET", $"postern:{{keys}}:{hash}", "name", $"c{i}"], ["ZADD", "postern:{keys}", $"{i}", hash]])]);
        Assert.Equal(Enumerable.Range(0, 450).Select(i => $"c{i}"), Keys("list").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..].Select(l => l.Split(' ')[0]));
    }

    [Fact]
    public async Task The_command_finds_the_Redis_of_a_configuration_and_another_prefix_is_another_fleet()
    {
        await using var fleet = await SharedGateway.StartAsync(redis.Url, redis: "prefix: blue, timeout: 2s");
        var (code, key, error) = KeysConsole.Run(one.Time, "create", "--name", "acme", "--config", fleet.Config);
        Assert.Equal((0, $"A key for acme in Redis at 127.0.0.1:{redis.Port}, without an end. This is the only time it is shown:\n"), (code, error));
        Assert.Equal((200, 401), (await fleet.StatusAsync(key.Trim()), await one.StatusAsync(key.Trim())));
        Assert.Contains("acme", KeysConsole.Run(one.Time, "list", "--redis", redis.Url, "--prefix", "blue").Output);
        Assert.Contains("no keys; make one with: postern keys create --name NAME --redis redis://", Keys("list").Error);
    }

    [Theory]
    [InlineData("--redis names the Redis that holds the keys; write it, or --file, or --config.", "--redis", "redis://h", "--file", "keys.yaml")]
    [InlineData("--prefix belongs to --redis; write both, or --config.", "--prefix", "x")]
    [InlineData("--redis: not the URL of a Redis; write redis://127.0.0.1:6379.", "--redis", "localhost")]
    public void What_makes_no_sense_is_refused(string says, params string[] arguments) =>
        Assert.Equal((2, "", says), KeysConsole.Run(one.Time, ["list", .. arguments]));

    private static string Entry(string key) => $"postern:{{keys}}:{KeyOptions.For("x", key).Hash}";

    private static string Long(string word) => word is ['+', .. var rest] ? rest.EndsWith(" words") ? string.Join(' ', Enumerable.Range(0, 129)) : new string('a', int.Parse(rest)) : word;

    private (int Code, string Output, string Error) Keys(params string[] arguments) => KeysConsole.Run(one.Time, [.. arguments, "--redis", redis.Url]);

    private string Make(params string[] arguments)
    {
        var (code, output, error) = Keys(arguments);
        Assert.True(code == 0, error);
        return output.TrimEnd('\n');
    }

    /// <summary>How many keys Redis was asked about.</summary>
    private async Task<int> QuestionsAsync() =>
        Calls().Match((string)(await redis.AskAsync("INFO", "commandstats"))!) is { Success: true } match ? int.Parse(match.Groups[1].Value) : 0;

    private async Task UntilAskedAsync(string key, int number)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while (await QuestionsAsync() != number)
        {
            Assert.Equal(200, await one.StatusAsync(key));
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    [GeneratedRegex(@"cmdstat_hmget:calls=(\d+)")]
    private static partial Regex Calls();
}
