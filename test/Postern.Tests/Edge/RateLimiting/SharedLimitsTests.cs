using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Edge.RateLimiting;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Runtime;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.RateLimiting;

/// <summary>Limits through a store, and without it when it is slow or gone.</summary>
public sealed class SharedLimitsTests
{
    private const string Yaml = """
        redis: { url: "redis://127.0.0.1:1", timeout: 50ms }
        gates:
          web:
            identity: off
            rateLimit: { allow: 9/minute, algorithm: fixedWindow }
            routes:
              - { get: /a, respond: 200 }
        """;

    private static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(50);
    private readonly SteppedTime time = LimitedGateway.AtMidnight();
    private readonly Lines log = new();
    private readonly FakeStore store;

    public SharedLimitsTests() => store = new FakeStore(time);

    private LimitedGateway Start() =>
        LimitedGateway.Start(Yaml, g => g.Config.Provide<ILimitStoreProvider>(store), log, time);

    /// <summary>A gateway whose store has answered for the first time.</summary>
    private async Task<LimitedGateway> StartedAsync()
    {
        var gateway = Start();
        await ModeAsync(gateway, shared: true);
        return gateway;
    }

    private static Task ModeAsync(LimitedGateway gateway, bool shared) =>
        FakeStore.UntilAsync(() => gateway.NotReady is null && gateway.Metric($"postern_rate_limit_mode{{mode=\"{(shared ? "shared" : "local")}\"}}") == "1");

    /// <summary>A heartbeat goes out, and its answer is taken.</summary>
    private async Task BeatAsync()
    {
        var before = Volatile.Read(ref store.Beats);
        await FakeStore.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return Volatile.Read(ref store.Beats) > before;
        });
    }

    [Fact]
    public async Task Gateways_that_share_a_store_share_their_limits()
    {
        await using var one = await StartedAsync();
        await using var other = await StartedAsync();
        Assert.Equal(5, await one.PassAsync(5, "/a"));
        Assert.Equal(4, await other.PassAsync(9, "/a"));
        Assert.Equal("\"default\";r=0;t=60", (await one.AskAsync("/a"))["RateLimit"]);
        Assert.Equal(2, store.Instances.Count);
        Assert.All(store.Instances.Values, l => Assert.True(l > TimeSpan.FromSeconds(2)));
    }

    [Fact]
    public async Task A_request_waits_as_long_as_it_may_and_is_then_decided_here()
    {
        await using var gateway = await StartedAsync();
        store.Hold();
        var asked = gateway.AskAsync("/a");
        var held = store.Next();
        time.Advance(Wait - TimeSpan.FromMilliseconds(1));
        Assert.False(asked.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(1));
        var answer = await asked.WaitAsync(TestGateway.Patience);
        Assert.Equal((200, "8"), (answer.Status, answer["RateLimit-Remaining"]));
        Assert.Equal("1", gateway.Metric("postern_rate_limit_store_failures_total{reason=\"timeout\"}"));
        // What comes too late changes nothing, whatever it is.
        held.SetException(new InvalidDataException("late"));
        Assert.Equal("1", gateway.Metric("postern_rate_limit_mode{mode=\"shared\"}"));
        var next = gateway.AskAsync("/a");
        store.Next().SetResult(new LimitDecision(false, 0, 0, TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(7)));
        Assert.Equal((429, 7), ((await next).Status, (await next).RetryAfter!.Value));
    }

    [Fact]
    public async Task After_three_failures_in_a_row_no_request_asks_until_a_heartbeat_is_answered()
    {
        store.Beat = () => new(3);
        await using var gateway = await StartedAsync();
        Assert.Equal("3", gateway.Metric("postern_rate_limit_instances"));
        store.Die(new IOException("connection refused"));
        Assert.Equal(3, await gateway.PassAsync(20, "/a"));
        Assert.Equal(3, store.Asked);
        Assert.Equal("1", gateway.Metric("postern_rate_limit_mode{mode=\"local\"}"));
        Assert.Equal("3", gateway.Metric("postern_rate_limit_store_failures_total{reason=\"error\"}"));
        await BeatAsync();
        await BeatAsync();
        Assert.Equal(3, store.Asked);
        var alone = Assert.Single(log.Of(LogLevel.Warning));
        Assert.Contains("one in 3", alone);
        Assert.Contains("connection refused", alone);
        store.Live(3);
        await BeatAsync();
        await ModeAsync(gateway, shared: true);
        Assert.Equal(9, await gateway.PassAsync(20, "/a"));
        Assert.Single(log.Of(LogLevel.Warning));
        Assert.Equal(2, log.Of(LogLevel.Information).Count(l => l.Contains("Limits are counted in Redis")));
    }

    [Fact]
    public async Task Who_was_refused_stays_so_while_the_store_is_gone_and_when_it_is_back_and_has_forgotten()
    {
        await using var gateway = await StartedAsync();
        Assert.Equal(9, await gateway.PassAsync(12, "/a"));
        store.Die(new IOException());
        Assert.Equal(0, await gateway.PassAsync(12, "/a"));
        Assert.Equal(9, await gateway.PassAsync(12, "/a", from: "192.0.2.2"));
        time.Advance(TimeSpan.FromSeconds(10));
        var answer = await gateway.AskAsync("/a");
        Assert.Equal((429, 50, "\"default\";r=0;t=50"), (answer.Status, answer.RetryAfter!.Value, answer["RateLimit"]));
        Assert.Contains("\"remaining\":0,\"resetSeconds\":50", await LimitsAsync(gateway, "192.0.2.1"));
        store.Live(1);
        store.Forget();
        await BeatAsync();
        await ModeAsync(gateway, shared: true);
        Assert.Equal(0, await gateway.PassAsync(12, "/a"));
        // Who wasn't refused by the store isn't refused for it.
        Assert.Equal(9, await gateway.PassAsync(12, "/a", from: "192.0.2.3"));
        time.Advance(TimeSpan.FromSeconds(50));
        Assert.Equal(9, await gateway.PassAsync(12, "/a"));
    }

    [Fact]
    public async Task Who_was_refused_before_an_outage_is_let_go_by_a_reset()
    {
        await using var gateway = await StartedAsync();
        Assert.Equal(9, await gateway.PassAsync(12, "/a"));
        store.Die(new IOException());
        Assert.Equal(0, await gateway.PassAsync(3, "/a"));
        store.Live(1);
        await BeatAsync();
        await ModeAsync(gateway, shared: true);
        Assert.True(await gateway.Limits.ResetAsync("192.0.2.1"));
        Assert.Equal(9, await gateway.PassAsync(12, "/a"));
    }

    [Fact]
    public async Task A_store_that_answers_is_asked_about_who_was_refused()
    {
        await using var gateway = await StartedAsync();
        Assert.Equal(9, await gateway.PassAsync(12, "/a"));
        store.Forget();
        Assert.Equal(9, await gateway.PassAsync(12, "/a"));
    }

    private static async Task<string> LimitsAsync(LimitedGateway gateway, string caller)
    {
        var body = new System.Buffers.ArrayBufferWriter<byte>();
        await using (var json = new System.Text.Json.Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            await gateway.Limits.WriteAsync(caller, json);
            json.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(body.WrittenSpan);
    }

    [Fact]
    public async Task A_store_of_which_part_fails_is_trusted_less_and_less_and_told_of_once()
    {
        await using var gateway = await StartedAsync();
        store.Take = () => throw new IOException("only this part");
        for (var turns = 0; turns < 6; turns++)
        {
            await gateway.PassAsync(3, "/a");
            await ModeAsync(gateway, shared: false);
            await FakeStore.UntilAsync(() =>
            {
                time.Advance(TimeSpan.FromMilliseconds(50));
                return gateway.Metric("postern_rate_limit_mode{mode=\"shared\"}") == "1";
            });
        }
        // The first return is told at once; from then on nothing is, until it stays.
        Assert.Equal(2, log.Of(LogLevel.Warning).Count);
        Assert.Equal(2, log.Of(LogLevel.Information).Count);
        Assert.Equal(18, store.Asked);
        await gateway.PassAsync(3, "/a");
        var gone = time.GetUtcNow();
        await FakeStore.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(50));
            return gateway.Metric("postern_rate_limit_mode{mode=\"shared\"}") == "1";
        });
        Assert.True(time.GetUtcNow() - gone >= TimeSpan.FromSeconds(4));
        store.Live();
        await FakeStore.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return log.Of(LogLevel.Information).Count == 3;
        });
        Assert.Equal(2, log.Of(LogLevel.Warning).Count);
    }

    [Fact]
    public async Task Attempts_to_reach_a_store_that_is_being_connected_to_are_no_failures()
    {
        var left = 3;
        store.Beat = () => Interlocked.Decrement(ref left) >= 0 ? throw new IOException("not yet") : new(1);
        await using var gateway = Start();
        await FakeStore.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(20));
            return gateway.NotReady is null;
        });
        Assert.Equal("1", gateway.Metric("postern_rate_limit_mode{mode=\"shared\"}"));
        Assert.Equal("0", gateway.Metric("postern_rate_limit_store_failures_total{reason=\"error\"}"));
    }

    [Fact]
    public async Task A_store_that_was_slow_for_a_moment_is_back_before_the_next_heartbeat()
    {
        await using var gateway = await StartedAsync();
        store.Die(new IOException());
        await gateway.PassAsync(3, "/a");
        Assert.Equal("1", gateway.Metric("postern_rate_limit_mode{mode=\"local\"}"));
        store.Live();
        await FakeStore.UntilAsync(() => time.Waiting > 0);
        time.Advance(TimeSpan.FromMilliseconds(50));
        await ModeAsync(gateway, shared: true);
    }

    [Fact]
    public async Task Timeouts_in_a_row_end_the_waiting_for_all()
    {
        await using var gateway = await StartedAsync();
        store.Hold();
        // Many at once are one failure: it may be this process that stood still.
        foreach (var requests in (int[])[4, 1, 1])
        {
            Assert.Equal("1", gateway.Metric("postern_rate_limit_mode{mode=\"shared\"}"));
            Task<LimitedAnswer>[] asked = [.. Enumerable.Range(0, requests).Select(_ => gateway.AskAsync("/a"))];
            time.Advance(Wait);
            Assert.All(await Task.WhenAll(asked).WaitAsync(TestGateway.Patience), a => Assert.Equal(200, a.Status));
        }
        Assert.Equal("1", gateway.Metric("postern_rate_limit_mode{mode=\"local\"}"));
        Assert.True((await gateway.AskAsync("/a").WaitAsync(TestGateway.Patience)).Passed);
        Assert.Equal(6, store.Asked);
        Assert.Contains("no answer within 50ms", Assert.Single(log.Of(LogLevel.Warning)));
    }

    [Fact]
    public async Task An_answer_between_failures_keeps_the_store()
    {
        await using var gateway = await StartedAsync();
        for (var i = 0; i < 6; i++)
        {
            store.Take = i % 3 == 2 ? null : () => throw new IOException();
            await gateway.AskAsync("/a");
        }
        Assert.Equal("1", gateway.Metric("postern_rate_limit_mode{mode=\"shared\"}"));
        Assert.Equal(6, store.Asked);
    }

    public static TheoryData<string> Faults() => ["throws", "faults", "cancels", "nonsense", "negative", "null task", "stack of faults"];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Whatever_the_store_does_no_request_fails_for_it(string fault)
    {
        await using var gateway = await StartedAsync();
        store.Take = fault switch
        {
            "throws" => () => throw new NullReferenceException(),
            "faults" => () => ValueTask.FromException<LimitDecision>(new InvalidOperationException()),
            "cancels" => () => ValueTask.FromCanceled<LimitDecision>(new CancellationToken(true)),
            "nonsense" => () => new(new LimitDecision(true, 7, 1, default, default)),
            "negative" => () => new(new LimitDecision(false, -1, 1, default, default)),
            "null task" => () => new((Task<LimitDecision>)null!),
            _ => async () =>
            {
                await Task.Yield();
                throw new AggregateException(new IOException());
            },
        };
        Assert.Equal(9, await gateway.PassAsync(9, "/a"));
        Assert.Equal(429, (await gateway.AskAsync("/a")).Status);
        Assert.Equal("1", gateway.Metric("postern_rate_limit_mode{mode=\"local\"}"));
    }

    [Fact]
    public async Task A_store_that_dies_unasked_is_found_out_by_the_heartbeat()
    {
        await using var gateway = await StartedAsync();
        store.Die(new IOException());
        for (var i = 0; i < 3; i++)
        {
            await BeatAsync();
        }
        await ModeAsync(gateway, shared: false);
        await gateway.AskAsync("/a");
        Assert.Equal(0, store.Asked);
    }

    [Fact]
    public async Task A_heartbeat_that_is_answered_late_does_not_bring_the_store_back()
    {
        await using var gateway = await StartedAsync();
        store.Die(new IOException());
        await gateway.PassAsync(3, "/a");
        var slow = new TaskCompletionSource<int>();
        store.Live();
        store.Beat = () => new(slow.Task);
        await BeatAsync();
        time.Advance(Wait * 2);
        slow.SetResult(4);
        await FakeStore.UntilAsync(() => gateway.Metric("postern_rate_limit_instances") == "4");
        Assert.Equal("1", gateway.Metric("postern_rate_limit_mode{mode=\"local\"}"));
        // One that is never answered is given up, and the next one counts.
        store.Beat = () => new(new TaskCompletionSource<int>().Task);
        await BeatAsync();
        store.Beat = () => new(1);
        await BeatAsync();
        await ModeAsync(gateway, shared: true);
    }

    [Fact]
    public async Task Who_has_just_come_back_counts_more_instances_than_a_store_that_lost_all()
    {
        store.Beat = () => new(3);
        await using var gateway = await StartedAsync();
        // One beat is answered with 1; others may go out meanwhile, and wait for their answer.
        var (beats, others) = (0, new TaskCompletionSource<int>());
        store.Beat = () => Interlocked.Increment(ref beats) == 1 ? new(1) : new(others.Task);
        await BeatAsync();
        Assert.Equal("3", gateway.Metric("postern_rate_limit_instances"));
        others.SetResult(1);
        await FakeStore.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return gateway.Metric("postern_rate_limit_instances") == "1";
        });
    }

    [Fact]
    public async Task The_first_requests_wait_for_the_store_s_first_answer()
    {
        var first = new TaskCompletionSource<int>();
        store.Beat = () => new(first.Task);
        await using var gateway = Start();
        Assert.NotNull(gateway.NotReady);
        var asked = gateway.AskAsync("/a");
        var late = gateway.AskAsync("/a");
        time.Advance(Wait);
        Assert.True((await asked.WaitAsync(TestGateway.Patience)).Passed);
        Assert.True((await late.WaitAsync(TestGateway.Patience)).Passed);
        Assert.Equal(0, store.Asked);
        var early = gateway.AskAsync("/a");
        store.Beat = () => new(1);
        first.SetResult(1);
        Assert.Equal("8", (await early.WaitAsync(TestGateway.Patience))["RateLimit-Remaining"]);
        Assert.Equal(1, store.Asked);
        Assert.Null(gateway.NotReady);
        Assert.Empty(log.Of(LogLevel.Warning));
    }

    [Fact]
    public async Task A_store_that_never_was_there_is_told_of_once_and_holds_up_nothing()
    {
        store.Die(new IOException("nobody there"));
        await using var gateway = Start();
        await FakeStore.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            return gateway.NotReady is null;
        });
        Assert.Equal(9, await gateway.PassAsync(12, "/a"));
        Assert.Contains("nobody there", Assert.Single(log.Of(LogLevel.Warning)));
        Assert.Equal(0, store.Asked);
    }

    [Fact]
    public async Task A_store_that_says_nothing_at_first_is_waited_for_a_little_longer()
    {
        store.Beat = () => new(new TaskCompletionSource<int>().Task);
        await using var gateway = Start();
        var started = time.GetUtcNow();
        await FakeStore.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            return gateway.NotReady is null;
        });
        Assert.True(time.GetUtcNow() - started >= TimeSpan.FromSeconds(5));
        Assert.True((await gateway.AskAsync("/a").WaitAsync(TestGateway.Patience)).Passed);
        Assert.Single(log.Of(LogLevel.Warning));
    }

    [Fact]
    public async Task A_reload_keeps_the_store_until_its_options_change()
    {
        await using var gateway = await StartedAsync();
        Assert.Equal(5, await gateway.PassAsync(5, "/a"));
        gateway.Reload(Yaml + "\n      - { get: /b, respond: 200 }\n");
        Assert.Equal(4, await gateway.PassAsync(9, "/b"));
        Assert.Equal((1, 0), (store.Opened, store.Closed));
        gateway.Reload(Yaml.Replace("50ms", "60ms"));
        await FakeStore.UntilAsync(() => (store.Opened, store.Closed) == (2, 1));
        await ModeAsync(gateway, shared: true);
        Assert.Equal(429, (await gateway.AskAsync("/a")).Status);
        Assert.Single(store.Instances);
        gateway.Reload(Yaml[Yaml.IndexOf("gates", StringComparison.Ordinal)..]);
        await FakeStore.UntilAsync(() => store.Closed == 2);
        Assert.Equal("1", gateway.Metric("postern_rate_limit_mode{mode=\"local\"}"));
        Assert.True((await gateway.AskAsync("/a")).Passed);
    }

    [Fact]
    public async Task What_waits_when_the_store_is_given_up_is_decided_here()
    {
        var gateway = await StartedAsync();
        store.Hold();
        var asked = gateway.AskAsync("/a");
        var held = store.Next();
        await gateway.DisposeAsync();
        Assert.True((await asked.WaitAsync(TestGateway.Patience)).Passed);
        held.SetResult(default);
    }

    [Fact]
    public void Redis_without_the_package_that_speaks_it_is_an_error_told_once()
    {
        using var folder = new TempFolder();
        folder.Write("postern.yaml", "version: 1\n" + Yaml + "\n  other:\n    match: { path: /o }\n    identity: off\n    rateLimit: 1/s\n    routes: [{ get: /a, respond: 200 }]\n");
        var (_, problems) = GatewayRuntime.Start(() => PosternExtensions.Load(folder["postern.yaml"], null), log.CreateLogger(""), time);
        var problem = Assert.Single(problems);
        Assert.Equal(("redis", null), (problem.Path, problem.Gate));
        Assert.Contains("UseRedis()", problem.Message);
    }

    [Fact]
    public async Task Answers_that_race_their_time_decide_each_request_once()
    {
        var metrics = new MetricRegistry();
        var state = new StatePool();
        using var local = new LocalLimits(metrics);
        local.Start(time, log.CreateLogger(""));
        var config = new GatewayConfig();
        config.Provide<ILimitStoreProvider>(store);
        using var shared = new SharedLimits(new RedisOptions { Url = "redis://a" }, store, local, metrics);
        shared.Start(time, log.CreateLogger(""));
        await FakeStore.UntilAsync(() => shared.IsUp);
        store.Hold();
        var plan = CountedPlan.Of(state, new LimitPlan("p", [new LimitRule("r", LimitAlgorithm.FixedWindow, 1_000_000, TimeSpan.FromDays(30), 1_000_000)], [0]), new LimitKey(["gate"], "g", "r"));
        using var ended = new CancellationTokenSource();
        // One thread answers, one lets time pass, and heartbeats bring the store back.
        var answering = Task.Run(() =>
        {
            foreach (var held in store.Held.GetConsumingEnumerable())
            {
                held.SetResult(new LimitDecision(true, 0, 1_000_007, default, default));
            }
        });
        var passing = Task.Run(() =>
        {
            while (!ended.IsCancellationRequested)
            {
                time.Advance(TimeSpan.FromMilliseconds(5));
            }
        });
        var (byStore, here) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 3000; i++)
            {
                var taken = await shared.TakeAsync(plan, "k", 1);
                Assert.Equal(taken.Alone, taken.Decision.Remaining < 1_000_000);
                Interlocked.Increment(ref taken.Alone ? ref here : ref byStore);
            }
        }))).WaitAsync(TestGateway.Patience * 3);
        ended.Cancel();
        await passing;
        store.Held.CompleteAdding();
        await answering;
        Assert.Equal(24000, byStore + here);
        Assert.True(byStore > 0);
        // What was decided here was counted here, each once.
        Assert.Equal(here, 1_000_000 - local.Read(plan.Compiled, "k")[0].Remaining);
    }

    /// <summary>What was logged.</summary>
    private sealed class Lines : ILoggerFactory, ILogger
    {
        private readonly ConcurrentQueue<(LogLevel Level, string Text)> lines = [];

        public List<string> Of(LogLevel level) => [.. lines.Where(l => l.Level == level && l.Text.Contains("imits")).Select(l => l.Text)];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) { }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue((logLevel, formatter(state, exception)));

        public void Dispose() { }
    }
}
