using Microsoft.Extensions.Logging.Abstractions;
using Postern.Backends.Responding;
using Postern.Config;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Redis;
using Postern.Runtime;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.ApiKeys;

/// <summary>What is remembered of a store's answers, and for how long, with a store that the test answers for.</summary>
public sealed class SharedKeysWayTests
{
    private readonly SteppedTime time = new();
    private readonly Held store = new();

    [Fact]
    public async Task Knowing_a_caller_allocates_nothing_and_asks_nobody()
    {
        var keys = Keys();
        store.Add("k");
        Assert.Null(keys.Find(Digest.Of("k")));
        Assert.Equal("k", (await JudgeAsync(keys, "k")).Consumer?.Id);
        var (digest, asked) = (Digest.Of("k"), store.Asked);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            keys.Find(digest);
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.NotNull(keys.Find(digest));
        Assert.Equal(asked, store.Asked);
    }

    [Fact]
    public async Task Nobody_waits_while_a_key_in_use_is_asked_about_again()
    {
        var keys = Keys();
        store.Add("k");
        await JudgeAsync(keys, "k");
        store.Gate = new TaskCompletionSource();
        time.Advance(SharedKeys.Age - TimeSpan.FromTicks(1));
        for (var i = 0; i < 10; i++)
        {
            Assert.NotNull(keys.Find(Digest.Of("k")));
        }
        time.Advance(TimeSpan.FromTicks(1));
        Assert.Null(keys.Find(Digest.Of("k")));
        store.Gate.SetResult();
        Assert.NotNull((await JudgeAsync(keys, "k")).Consumer);
        Assert.Equal(2, store.Asked);
    }

    [Fact]
    public async Task A_flood_of_unknown_keys_makes_no_known_one_forgotten()
    {
        var keys = Keys(mostKnown: 64);
        store.Add("k");
        await JudgeAsync(keys, "k");
        for (var i = 0; i < 1000; i++)
        {
            Assert.Equal(Failure.InvalidKey, (await JudgeAsync(keys, $"unknown-{i}")).Failure);
        }
        Assert.NotNull(keys.Find(Digest.Of("k")));
        // And a bad key that comes again is no question again.
        var asked = store.Asked;
        Assert.Equal(Failure.InvalidKey, (await JudgeAsync(keys, "unknown-999")).Failure);
        Assert.Equal(asked, store.Asked);
    }

    [Fact]
    public async Task An_answer_from_before_a_change_is_not_remembered()
    {
        var keys = Keys();
        store.Add("k");
        store.Gate = new TaskCompletionSource();
        var judged = JudgeAsync(keys, "k");
        await store.IsAskedAsync();
        store.Changed!(KeyOptions.For("k", "k").Hash);
        store.Gate.SetResult();
        Assert.NotNull((await judged).Consumer);
        Assert.Null(keys.Find(Digest.Of("k")));
    }

    [Fact]
    public async Task A_consumer_stays_the_same_one_while_its_entry_says_the_same()
    {
        var keys = Keys();
        store.Add("k");
        var first = (await JudgeAsync(keys, "k")).Consumer;
        store.Changed!(null);
        Assert.Null(keys.Find(Digest.Of("k")));
        Assert.Same(first, (await JudgeAsync(keys, "k")).Consumer);
        store.Add("k", tier: "pro");
        store.Changed!(null);
        Assert.Equal("pro", (await JudgeAsync(keys, "k")).Consumer!.Tier);
    }

    [Fact]
    public async Task A_key_that_was_revoked_before_the_store_failed_is_not_good_again()
    {
        var keys = Keys();
        store.Add("k");
        store.Add("kept");
        await JudgeAsync(keys, "k");
        await JudgeAsync(keys, "kept");
        store.Changed!(KeyOptions.For("k", "k").Hash);
        store.Down = true;
        Assert.Equal((Failure.IdentityUnavailable, 1), ((await JudgeAsync(keys, "k")).Failure, (await JudgeAsync(keys, "k")).RetryAfter));
        Assert.NotNull(keys.Find(Digest.Of("kept")));
        time.Advance(TimeSpan.FromSeconds(20));
        Assert.NotNull((await JudgeAsync(keys, "kept")).Consumer);
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(Failure.IdentityUnavailable, (await JudgeAsync(keys, "kept")).Failure);
        store.Down = false;
        Assert.NotNull((await JudgeAsync(keys, "kept")).Consumer);
    }

    [Fact]
    public async Task An_entry_of_another_hash_lets_nobody_in()
    {
        var keys = Keys();
        store.Entries[KeyOptions.For("k", "k").Hash!] = KeyOptions.For("other", "other");
        Assert.Equal(Failure.InvalidKey, (await JudgeAsync(keys, "k")).Failure);
    }

    [Fact]
    public void Keys_in_Redis_can_be_said_in_code()
    {
        static IReadOnlyList<string> Problems(Action<GatewayBuilder> more)
        {
            var (runtime, problems) = GatewayRuntime.Start(() => PosternExtensions.Load(null, gateway =>
            {
                gateway.Identity("partners", new ApiKeyOptions { Header = "X-Api-Key", Keys = KeyFileOptions.Redis });
                gateway.Gate("web", gate => gate.Identity("partners").Get("/hi").Respond(200, "hello"));
                more(gateway);
            }), NullLogger.Instance, TimeProvider.System);
            runtime?.Dispose();
            return [.. problems.Select(p => p.Message)];
        }
        Assert.Empty(Problems(g => g.UseRedis().Config.Root.Set<GatewayOptions>(o => o with { Redis = new RedisOptions { Url = "redis://127.0.0.1:1" } })));
        Assert.Contains("keys are in Redis, and the root names none", Assert.Single(Problems(g => g.UseRedis())));
        Assert.Contains("nothing here speaks Redis", Assert.Single(Problems(g => g.Config.Root.Set<GatewayOptions>(o => o with { Redis = new RedisOptions { Url = "redis://127.0.0.1:1" } }))));
    }

    private SharedKeys Keys(int mostKnown = SharedKeys.MostKnown)
    {
        var keys = new SharedKeys("partners", new ApiKeyOptions { Header = "X", Keys = KeyFileOptions.Redis }, new RedisOptions { Url = "redis://h" }, store, new MetricRegistry(), mostKnown);
        keys.Begin(time, NullLogger.Instance);
        return keys;
    }

    private static Task<Verdict> JudgeAsync(SharedKeys keys, string key) => keys.JudgeAsync(Digest.Of(key), "127.0.0.1").AsTask().WaitAsync(TestGateway.Patience);

    private sealed class Held : IKeyStore, IKeyStoreProvider
    {
        private static readonly string Greeting = new('0', 64);
        private readonly TaskCompletionSource isAsked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int asked;

        public Dictionary<string, KeyOptions> Entries { get; } = [];

        public Action<string?>? Changed { get; private set; }

        public bool Down { get; set; }

        public TaskCompletionSource? Gate { get; set; }

        /// <summary>How many keys it was asked about.</summary>
        public int Asked => asked;

        public void Add(string key, string? tier = null) => Entries[KeyOptions.For(key, key).Hash!] = KeyOptions.For(key, key) with { Tier = tier };

        public Task IsAskedAsync() => isAsked.Task.WaitAsync(TestGateway.Patience);

        public IKeyStore Open(RedisOptions options) => this;

        public async ValueTask<KeyOptions?> FindAsync(string hash)
        {
            if (hash == Greeting)
            {
                return null;
            }
            Interlocked.Increment(ref asked);
            var found = Entries.GetValueOrDefault(hash);
            isAsked.TrySetResult();
            await (Gate?.Task ?? Task.CompletedTask);
            return Down ? throw new IOException("It is down.") : found;
        }

        public void Watch(Action<string?> changed) => Changed = changed;

        public ValueTask<KeyListing> ListAsync() => throw new NotSupportedException();

        public ValueTask<bool> ChangeAsync(IReadOnlyList<KeyOptions> changed, long version) => throw new NotSupportedException();
    }
}
