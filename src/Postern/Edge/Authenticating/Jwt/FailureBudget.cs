using Postern.Pipeline;

namespace Postern.Edge.Authenticating.Jwt;

/// <summary>
/// What one client address may cost in signatures that turn out bad: a bucket of <see cref="Burst"/>, refilled at
/// <see cref="PerSecond"/>. Checking one takes about as long as serving two requests, so without it a flood of made-up tokens
/// would be dearer than one of good requests. Good tokens take nothing. All of an IPv6 network's /64 is one client.
/// </summary>
internal sealed class FailureBudget
{
    /// <summary>So many bad signatures are checked at once.</summary>
    public const int Burst = 500;

    /// <summary>So many a second after that: some two hundredths of a core.</summary>
    public const int PerSecond = 500;

    /// <summary>So many addresses are remembered; who is forgotten begins with a full bucket.</summary>
    private const int Addresses = 50_000;

    private readonly BoundedCache<Network, Bucket> buckets = new(Addresses);

    /// <summary>Whether the address has spent what it may.</summary>
    public bool IsSpent(string client, TimeProvider time) =>
        buckets.Find(Network.Of(client)) is { } bucket && Volatile.Read(ref bucket.FullAt) - time.GetTimestamp() > (Burst - 1) * Cost(time);

    /// <summary>Takes one from what the address may spend.</summary>
    public void Take(string client, TimeProvider time)
    {
        var network = Network.Of(client);
        if (buckets.Find(network) is not { } bucket)
        {
            buckets.Set(network, bucket = new Bucket { FullAt = time.GetTimestamp() });
        }
        for (var now = time.GetTimestamp(); ;)
        {
            var full = Volatile.Read(ref bucket.FullAt);
            if (Interlocked.CompareExchange(ref bucket.FullAt, Math.Max(full, now) + Cost(time), full) == full)
            {
                return;
            }
        }
    }

    private static long Cost(TimeProvider time) => time.TimestampFrequency / PerSecond;

    private sealed class Bucket
    {
        /// <summary>When it is full again; how far that lies ahead is how much is missing.</summary>
        public long FullAt;
    }
}
