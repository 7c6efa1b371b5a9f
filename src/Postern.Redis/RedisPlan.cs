using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Postern.Edge.RateLimiting;
using StackExchange.Redis;

namespace Postern.Redis;

/// <summary>A plan as the scripts read it: the rules in bytes, and how its keys end.</summary>
internal sealed class RedisPlan
{
    private const int RuleSize = 39;
    private const int FieldSize = 6;
    private const long Exact = 1L << 53;

    private readonly byte[] counters;
    private readonly byte[][] logs;
    private readonly byte[][] allLogs;

    public RedisPlan(LimitPlan plan)
    {
        Plan = plan;
        var end = KeyNames.After(plan.Name);
        var fields = plan.Rules.Select(Field).ToArray();
        counters = Encoding.ASCII.GetBytes(end);
        logs = Logs(plan.Uses);
        allLogs = Logs([.. Enumerable.Range(0, plan.Rules.Count)]);
        Used = Bytes(plan.Uses);
        All = Bytes([.. Enumerable.Range(0, plan.Rules.Count)]);

        byte[][] Logs(IReadOnlyList<int> rules) =>
            [.. rules.Where(r => plan.Rules[r].Algorithm == LimitAlgorithm.SlidingLog).Select(r => Encoding.ASCII.GetBytes($"{end}:{Convert.ToHexStringLower(fields[r])}"))];

        byte[] Bytes(IReadOnlyList<int> rules) => [.. rules.SelectMany(r => Packed(plan.Rules[r], fields[r]))];
    }

    /// <summary>The plan.</summary>
    public LimitPlan Plan { get; }

    /// <summary>The rules that the plan uses.</summary>
    public RedisValue Used { get; }

    /// <summary>All rules of its name.</summary>
    public RedisValue All { get; }

    /// <summary>The keys of the rules that it uses, or of all.</summary>
    /// <param name="before">What all keys begin with.</param>
    /// <param name="key">Whose.</param>
    /// <param name="all">Whether those of all rules.</param>
    public RedisKey[] Keys(byte[] before, string key, bool all = false)
    {
        var written = KeyNames.Written(key);
        var logged = all ? allLogs : logs;
        var keys = new RedisKey[1 + logged.Length];
        keys[0] = Join(before, written, counters);
        for (var i = 0; i < logged.Length; i++)
        {
            keys[i + 1] = Join(before, written, logged[i]);
        }
        return keys;
    }

    private static byte[] Join(byte[] before, string key, byte[] after)
    {
        var name = new byte[before.Length + key.Length + after.Length];
        before.CopyTo(name, 0);
        Encoding.ASCII.GetBytes(key, name.AsSpan(before.Length));
        after.CopyTo(name, before.Length + key.Length);
        return name;
    }

    /// <summary>What must be the same for two rules' numbers to mean the same, in short. Only a bucket's numbers are in ticks.</summary>
    private static byte[] Field(LimitRule rule)
    {
        var (window, tick) = Times(rule);
        var identity = string.Create(CultureInfo.InvariantCulture, $"{(int)rule.Algorithm}:{window * tick}:{(rule.Algorithm == LimitAlgorithm.TokenBucket ? tick : 1)}:{rule.Name}");
        return SHA256.HashData(Encoding.UTF8.GetBytes(identity))[..FieldSize];
    }

    private static byte[] Packed(LimitRule rule, byte[] field)
    {
        var (window, tick) = Times(rule);
        var bytes = new byte[RuleSize];
        bytes[0] = (byte)rule.Algorithm;
        BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(1), rule.Limit);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(9), rule.Algorithm == LimitAlgorithm.TokenBucket ? rule.Capacity : rule.Limit);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(17), window);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(25), tick);
        field.CopyTo(bytes, RuleSize - FieldSize);
        return bytes;
    }

    /// <summary>The window in ticks, and the tick in microseconds: the shortest power of ten with which all products stay below 2^53.</summary>
    private static (long Window, long Tick) Times(LimitRule rule)
    {
        var most = rule.Algorithm switch
        {
            LimitAlgorithm.TokenBucket => Math.Max(rule.Limit, rule.Capacity),
            LimitAlgorithm.SlidingWindow => rule.Limit,
            _ => 0,
        };
        var window = rule.Window.Ticks / TimeSpan.TicksPerMicrosecond;
        var tick = 1L;
        while ((Int128)3 * most * ((window + tick - 1) / tick) >= Exact)
        {
            tick *= 10;
        }
        return ((window + tick - 1) / tick, tick);
    }
}
