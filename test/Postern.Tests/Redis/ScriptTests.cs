using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Postern.Edge.RateLimiting;
using Postern.Edge.RateLimiting.Counting;
using Postern.Redis;
using Postern.Tests.Edge.RateLimiting.Counting;
using Postern.Tests.Harness;
using StackExchange.Redis;

namespace Postern.Tests.Redis;

/// <summary>
/// The scripts decide what the counters in memory decide, number for number, on plans and requests at random. The body is that which gateways
/// run; only its clock is the test's.
/// </summary>
public sealed class ScriptTests : IAsyncLifetime
{
    /// <summary>Takes the time from one more argument, and forgets nothing.</summary>
    private const string Clock = """
        local now = tonumber(table.remove(ARGV))
        local function keep(key, milliseconds)
          redis.call('PEXPIRE', key, 3600000)
        end

        """;

    /// <summary>The same, and forgets what Redis would have by then.</summary>
    private const string ForgettingClock = """
        local now = tonumber(table.remove(ARGV))
        for i = 1, #KEYS do
          local ends = redis.call('GET', KEYS[i] .. ':end')
          if ends and now > tonumber(ends) then
            redis.call('DEL', KEYS[i], KEYS[i] .. ':end')
          end
        end
        local function keep(key, milliseconds)
          redis.call('SET', key .. ':end', string.format('%.0f', now + milliseconds * 1000))
        end

        """;

    private static readonly byte[] Before = "postern:limit:{"u8.ToArray();
    private RedisServer server = null!;
    private ConnectionMultiplexer client = null!;
    private IDatabase database = null!;
    private int scenarios;

    [Theory]
    [InlineData(LimitAlgorithm.FixedWindow)]
    [InlineData(LimitAlgorithm.SlidingWindow)]
    [InlineData(LimitAlgorithm.TokenBucket)]
    [InlineData(LimitAlgorithm.SlidingLog)]
    public void Each_algorithm_counts_in_Redis_as_in_memory(LimitAlgorithm algorithm) => Hold(Scenario.Any(1, 1, algorithm), Clock);

    [Fact]
    public void Several_rules_count_in_Redis_as_in_memory() => Hold(Scenario.Any(5, 1, Enum.GetValues<LimitAlgorithm>()), Clock);

    [Fact]
    public void What_expires_is_missed_by_nobody() => Hold(Scenario.Any(4, 1, Enum.GetValues<LimitAlgorithm>()), ForgettingClock);

    /// <summary>With time enough for a machine that does much else.</summary>
    private string Options => $"127.0.0.1:{server!.Port},connectTimeout=30000,syncTimeout=30000";

    public async ValueTask InitializeAsync()
    {
        server = await RedisServer.StartAsync();
        client = await ConnectionMultiplexer.ConnectAsync(Options);
        database = client.GetDatabase();
    }

    public async ValueTask DisposeAsync()
    {
        client?.Dispose();
        await (server?.DisposeAsync() ?? default);
    }

    private void Hold(Arbitrary<Scenario> any, string clock) => Prop.ForAll(any, scenario =>
    {
        var wrong = Follow(scenario, clock);
        return (wrong is null).Label(wrong ?? "");
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(200));

    /// <summary>Sends the requests to both; returns what differs.</summary>
    private string? Follow(Scenario scenario, string clock)
    {
        var (counters, now, key) = (new LocalCounters(), scenario.Start, $"{scenarios++}");
        var (take, read) = (Script.Take.By(clock), Script.Read.By(clock));
        for (var i = 0; i < scenario.Steps.Count; i++)
        {
            var step = scenario.Steps[i];
            // What has expired stays so if the clock steps back, and the counters in memory do without.
            now = Math.Max(0, now + (clock == Clock ? step.Later : Math.Abs(step.Later)));
            var plan = scenario.Using(step);
            var (compiled, packed) = (CompiledPlan.Compile(plan), new RedisPlan(plan));
            var expected = counters.Take(compiled, key, step.Cost, now);
            var actual = RedisLimitStore.Decision(Run(take, packed.Keys(Before, key), step.Cost, packed.Used, now), plan);
            if (expected != actual)
            {
                return $"step {i}: {actual} in Redis, {expected} in memory";
            }
            var readings = RedisLimitStore.Readings(Run(read, packed.Keys(Before, key, all: true), 1, packed.All, now), plan);
            if (!readings.SequenceEqual(counters.Read(compiled, key, now)))
            {
                return $"step {i}: {string.Join(' ', readings)} in Redis, {string.Join(' ', counters.Read(compiled, key, now))} in memory";
            }
        }
        return null;
    }

    private byte[] Run(Script script, RedisKey[] keys, int cost, RedisValue rules, long now)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return (byte[])database.ScriptEvaluate(script.Text, keys, [cost, rules, now.ToString(CultureInfo.InvariantCulture)]);
            }
            catch (RedisConnectionException e) when (tries < 10 && e.FailureType == ConnectionFailureType.UnableToResolvePhysicalConnection)
            {
                // On a busy machine the client drops a connection now and then; this says that nothing was sent.
                client!.Dispose();
                client = ConnectionMultiplexer.Connect(Options);
                database = client.GetDatabase();
            }
        }
    }
}
