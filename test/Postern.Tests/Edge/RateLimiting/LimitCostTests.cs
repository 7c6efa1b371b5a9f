using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Edge.RateLimiting;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Tests.Edge.RateLimiting;

/// <summary>What a limit costs a request in bytes.</summary>
public sealed class LimitCostTests
{
    private const int Rounds = 2000;

    /// <summary>Where none of the last texts fits: 152 for that of <c>RateLimit</c>, its place and a number of a million, and some more
    /// as long as the code runs that was compiled in a hurry.</summary>
    private const int MostPerRequest = 256;

    private readonly OneRoute at = new();

    [Theory]
    [InlineData("192.0.2.1", false)]
    [InlineData("2001:db8::1", false)]
    [InlineData("192.0.2.1", true)]
    public async Task A_decision_allocates_nothing_and_its_fields_little(string address, bool known)
    {
        at.Config.Root.Set<TiersSection>(_ => new TiersSection
        {
            Tiers = new TiersOptions
            {
                Default = "free",
                Plans = new Dictionary<string, TierOptions>
                {
                    ["free"] = new() { Global = Rate.PerMinute(1_000_000), Groups = new Dictionary<string, Rate> { ["read"] = Rate.PerMinute(900_000) }, Burst = new Burst(6, TimeSpan.FromSeconds(60)) },
                    ["pro"] = new() { Global = Rate.PerMinute(1_000_000) },
                },
            },
        });
        at.Route.Sections.Set<RateLimitSection>(o => o with { RateLimit = new RateLimitOptions { Tiers = true }, Group = "read" });
        var chain = at.Compile(new RateLimitStage(), static _ => Task.CompletedTask);
        at.State.Start(TimeProvider.System, NullLogger.Instance);
        at.State.Commit();
        var context = OneRoute.Request();
        var exchange = Exchange.Of(context);
        exchange.ClientAddress = address;
        exchange.Consumer = known ? new Consumer { Id = "anna", Way = "key", Tier = "pro", Claims = default } : null;
        for (var i = 0; i < Rounds; i++)
        {
            exchange.AnswerFields.Clear();
            await chain(context);
        }
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Rounds; i++)
        {
            exchange.AnswerFields.Clear();
            var done = chain(context);
            Assert.True(done.IsCompletedSuccessfully);
        }
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / Rounds, 0, MostPerRequest);
        Assert.Equal(5, exchange.AnswerFields.Count);
    }

    [Theory]
    [InlineData("192.0.2.1")]
    [InlineData("2001:db8:1:2:3:4:5:6")]
    public void Key_and_decision_allocate_nothing(string address)
    {
        var metrics = new MetricRegistry();
        using var local = new LocalLimits(metrics);
        local.Start(TimeProvider.System, NullLogger.Instance);
        var plan = CountedPlan.Of(at.State, new LimitPlan("p", [new LimitRule("r", LimitAlgorithm.SlidingWindow, 1_000_000, TimeSpan.FromHours(1), 1)], [0]), new LimitKey(["consumer"], "g", "r"));
        var limiter = Limiter.Of(at.Config, at.State);
        var context = OneRoute.Request();
        var exchange = Exchange.Of(context);
        exchange.ClientAddress = address;
        bool Decide() => limiter.TakeAsync(plan, plan.Key.Of(context, exchange), 1).Result.Decision.Passes;
        Assert.True(Decide());
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Rounds; i++)
        {
            Decide();
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Waiting_for_the_store_allocates_nothing()
    {
        var metrics = new MetricRegistry();
        using var local = new LocalLimits(metrics);
        var store = new FakeStore(TimeProvider.System);
        using var shared = new SharedLimits(new RedisOptions { Url = "redis://a" }, store, local, metrics);
        shared.Start(TimeProvider.System, NullLogger.Instance);
        using var calls = new StoreCalls(shared, TimeSpan.FromMinutes(1), TimeProvider.System);
        var plan = CountedPlan.Of(at.State, new LimitPlan("p", [new LimitRule("r", LimitAlgorithm.FixedWindow, 10, TimeSpan.FromHours(1), 10)], [0]), new LimitKey(["gate"], "g", "r"));
        var answer = new ReusedAnswer();
        var answered = 0;
        for (var i = 0; i < 100; i++)
        {
            Round();
        }
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Rounds; i++)
        {
            Round();
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(Rounds + 100, answered);

        void Round()
        {
            var waits = calls.WaitAsync(answer.Task, plan, "k", 1, TimeProvider.System.GetTimestamp(), 0, null);
            Assert.False(waits.IsCompleted);
            answer.Give(new LimitDecision(true, 0, 9, default, default));
            answered += waits.Result.Alone ? 0 : 1;
        }
    }

    private sealed class ReusedAnswer : System.Threading.Tasks.Sources.IValueTaskSource<LimitDecision>
    {
        private System.Threading.Tasks.Sources.ManualResetValueTaskSourceCore<LimitDecision> source;

        public ValueTask<LimitDecision> Task => new(this, source.Version);

        public void Give(LimitDecision decision) => source.SetResult(decision);

        public LimitDecision GetResult(short token)
        {
            var result = source.GetResult(token);
            source.Reset();
            return result;
        }

        public System.Threading.Tasks.Sources.ValueTaskSourceStatus GetStatus(short token) => source.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, System.Threading.Tasks.Sources.ValueTaskSourceOnCompletedFlags flags) =>
            source.OnCompleted(continuation, state, token, flags);
    }
}
