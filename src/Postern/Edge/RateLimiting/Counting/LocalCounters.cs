using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Postern.Edge.RateLimiting.Counting;

/// <summary>
/// Counts requests in this process's memory, which it bounds. Keys are spread over stripes, each with a lock of its own; see
/// <see cref="Stripe"/> for what happens when memory is short, and README.md for what is counted how. Asking for a key that is
/// known allocates nothing (but for a sliding log that grows).
/// </summary>
internal sealed class LocalCounters
{
    /// <summary>64 MB: some 300,000 keys with two limits each.</summary>
    public const long DefaultBytes = 64 * 1024 * 1024;

    /// <summary>The longest key that is kept as it is; of a longer one, its digest is.</summary>
    public const int LongestKey = 128;

    private const long LeastPerStripe = 256 * 1024;
    private const int MostStripes = 64;
    private const int DigestLength = SHA256.HashSizeInBytes * 2;

    private readonly Stripe[] stripes;
    private readonly int shift;

    /// <param name="bytes">What all entries together may take. Entries that keys share come on top: one at most for each plan and stripe.</param>
    public LocalCounters(long bytes = DefaultBytes)
    {
        var count = (int)BitOperations.RoundUpToPowerOf2((ulong)Math.Clamp(bytes / LeastPerStripe, 1, MostStripes));
        shift = 32 - BitOperations.Log2((uint)count);
        stripes = new Stripe[count];
        for (var i = 0; i < count; i++)
        {
            stripes[i] = new Stripe(bytes / count);
        }
    }

    /// <summary>How full they are.</summary>
    public Occupancy Occupancy
    {
        get
        {
            var all = default(Occupancy);
            foreach (var stripe in stripes)
            {
                all += stripe.Occupancy;
            }
            return all;
        }
    }

    /// <summary>Decides all rules of a plan for one key at once: counts the request in each, or in none.</summary>
    /// <param name="plan">The plan, or a share of it.</param>
    /// <param name="key">Whose request it is.</param>
    /// <param name="cost">How much it counts; at least 1.</param>
    /// <param name="now">Microseconds since the epoch, of a <see cref="SteadyClock"/>.</param>
    public LimitDecision Take(CompiledPlan plan, ReadOnlySpan<char> key, int cost, long now)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(cost, 1);
        if (key.Length <= LongestKey)
        {
            return Take(plan, plan.Id, key, cost, now);
        }
        Span<char> digest = stackalloc char[DigestLength];
        Digest(key, digest);
        return Take(plan, plan.LongKeyId, digest, cost, now);
    }

    /// <summary>Counts what another place has refused as used up here, too: of the rule that refused, no more is left than there.</summary>
    /// <param name="plan">The plan, or a share of it.</param>
    /// <param name="key">Whose request was refused; not longer than <see cref="LongestKey"/>.</param>
    /// <param name="refused">What was decided there.</param>
    /// <param name="at">When.</param>
    /// <param name="former">The share as which it is counted already, if it is.</param>
    public void Exhaust(CompiledPlan plan, ReadOnlySpan<char> key, in LimitDecision refused, long at, CompiledPlan? former = null)
    {
        var hash = HashOf(plan.Id, key);
        StripeOf(hash).Exhaust(plan, plan.Id, key, hash, refused, at, former);
    }

    /// <summary>What is left of each rule, without counting.</summary>
    public IReadOnlyList<LimitReading> Read(CompiledPlan plan, ReadOnlySpan<char> key, long now)
    {
        if (key.Length <= LongestKey)
        {
            return Read(plan, plan.Id, key, now);
        }
        Span<char> digest = stackalloc char[DigestLength];
        Digest(key, digest);
        return Read(plan, plan.LongKeyId, digest, now);
    }

    /// <summary>Forgets what was counted. Says whether there was anything.</summary>
    public bool Reset(CompiledPlan plan, ReadOnlySpan<char> key)
    {
        if (key.Length <= LongestKey)
        {
            return Reset(plan.Id, key);
        }
        Span<char> digest = stackalloc char[DigestLength];
        Digest(key, digest);
        return Reset(plan.LongKeyId, digest);
    }

    private static void Digest(ReadOnlySpan<char> key, Span<char> digest)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(key), hash);
        Convert.TryToHexStringLower(hash, digest, out _);
    }

    // The framework's hash of a string differs in each process, so nobody can make keys that meet.
    private static int HashOf(ulong id, ReadOnlySpan<char> key) => string.GetHashCode(key) ^ (int)id;

    private LimitDecision Take(CompiledPlan plan, ulong id, ReadOnlySpan<char> key, int cost, long now)
    {
        var hash = HashOf(id, key);
        return StripeOf(hash).Take(plan, id, key, hash, cost, now);
    }

    private LimitReading[] Read(CompiledPlan plan, ulong id, ReadOnlySpan<char> key, long now)
    {
        var hash = HashOf(id, key);
        return StripeOf(hash).Read(plan, id, key, hash, now);
    }

    private bool Reset(ulong id, ReadOnlySpan<char> key)
    {
        var hash = HashOf(id, key);
        return StripeOf(hash).Reset(id, key, hash);
    }

    private Stripe StripeOf(int hash) => stripes[stripes.Length == 1 ? 0 : (uint)hash >> shift];
}
