using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Postern.Edge.RateLimiting;
using StackExchange.Redis;

namespace Postern.Redis;

/// <summary>
/// Counts in Redis. Each question is one script and one round trip, and the clock is Redis's. What the scripts do is what
/// Edge/RateLimiting/Counting/README.md defines, number for number, so that a gateway which counts by itself for a while
/// decides alike.
/// </summary>
internal sealed class RedisLimitStore : ILimitStore, IAsyncDisposable
{
    private const int DecisionSize = 26;
    private const int ReadingSize = 16;
    private const int WarmUps = 64;

    private readonly RedisConnection connection;
    private readonly byte[] before;
    private readonly RedisKey[] instances;
    private readonly ConditionalWeakTable<LimitPlan, RedisPlan> plans = [];
    private readonly Script take;
    private string? beaten;
    private int disposed;

    /// <param name="connection">The connection, of which this store gives back its share.</param>
    /// <param name="prefix">What all keys begin with.</param>
    /// <param name="take">The script that decides, by another clock in tests.</param>
    public RedisLimitStore(RedisConnection connection, string prefix, Script? take = null)
    {
        this.connection = connection;
        this.take = take ?? Script.Take;
        before = Encoding.ASCII.GetBytes(KeyNames.Before(prefix));
        instances = [KeyNames.Instances(prefix)];
    }

    /// <summary>Why Redis isn't asked now; null where it is.</summary>
    public string? Down => connection.Down;

    /// <inheritdoc/>
    public ValueTask<LimitDecision> TakeAsync(LimitPlan plan, string key, int cost)
    {
        var compiled = Compiled(plan);
        return connection.AskAsync(take, compiled.Keys(before, key), [cost, compiled.Used], Decision, plan);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<LimitReading>> ReadAsync(LimitPlan plan, string key)
    {
        var compiled = Compiled(plan);
        return connection.AskAsync(Script.Read, compiled.Keys(before, key, all: true), [1, compiled.All], Readings, plan);
    }

    /// <inheritdoc/>
    public async ValueTask ResetAsync(LimitPlan plan, string key) =>
        await connection.AskAsync(Script.Reset, Compiled(plan).Keys(before, key, all: true), [], Number, plan);

    /// <inheritdoc/>
    public async ValueTask<int> BeatAsync(string instance, TimeSpan lifetime)
    {
        if (beaten is null)
        {
            await WarmUpAsync();
        }
        beaten = instance;
        return await BeatAsync(instance, Math.Max(1, lifetime.Ticks / TimeSpan.TicksPerMicrosecond));
    }

    /// <summary>Lets the others know that this instance is gone, if that can be done, and the connection rest.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
        {
            return;
        }
        try
        {
            if (beaten is not null)
            {
                await BeatAsync(beaten, 0L);
            }
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            // Its time will run out.
        }
        finally
        {
            await connection.DisposeAsync();
        }
    }

    /// <summary>
    /// What has never run must be compiled first, which on a busy machine takes longer than a request may wait. So the store asks
    /// some questions before it says that it is there.
    /// </summary>
    private async Task WarmUpAsync()
    {
        var plan = new LimitPlan("", [new LimitRule("", LimitAlgorithm.FixedWindow, 1, TimeSpan.FromMilliseconds(1), 1)], [0]);
        await Task.WhenAll(Enumerable.Range(0, WarmUps).Select(_ => TakeAsync(plan, "", 1).AsTask()));
        await ReadAsync(plan, "");
    }

    private ValueTask<int> BeatAsync(string instance, long microseconds) =>
        connection.AskAsync(Script.Beat, instances, [instance, microseconds], Number, null);

    private RedisPlan Compiled(LimitPlan plan) => plans.TryGetValue(plan, out var compiled) ? compiled : plans.GetValue(plan, static p => new RedisPlan(p));

    internal static LimitDecision Decision(byte[] answer, object? plan)
    {
        var uses = ((LimitPlan)plan!).Uses;
        if (answer.Length != DecisionSize || answer[1] >= uses.Count)
        {
            throw new FormatException();
        }
        return new LimitDecision(answer[0] == 1, uses[answer[1]], Whole(answer, 2), Time(answer, 10), Time(answer, 18));
    }

    internal static IReadOnlyList<LimitReading> Readings(byte[] answer, object? plan)
    {
        var rules = ((LimitPlan)plan!).Rules;
        if (answer.Length != rules.Count * ReadingSize)
        {
            throw new FormatException();
        }
        return [.. rules.Select((rule, i) => new LimitReading(rule, Whole(answer, i * ReadingSize), Time(answer, i * ReadingSize + 8)))];
    }

    private static int Number(byte[] answer, object? none) => int.Parse(answer, NumberStyles.None, CultureInfo.InvariantCulture);

    private static long Whole(byte[] answer, int at) => (long)BinaryPrimitives.ReadDoubleLittleEndian(answer.AsSpan(at));

    private static TimeSpan Time(byte[] answer, int at) => new(Whole(answer, at) * TimeSpan.TicksPerMicrosecond);
}
