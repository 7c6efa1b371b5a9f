using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Upstreams.Balancing;

/// <summary>
/// Calls with the same key go to the same destination, on every instance of a fleet: by weighted rendezvous hashing, so that of ten
/// destinations one that leaves moves the tenth of the keys that it had, and no other. Load is bounded: where a destination has more
/// calls in flight than its share allows, a call goes to the one that is next for its key.
/// </summary>
/// <param name="key">What is hashed.</param>
/// <param name="maxLoad">How much of its share of all calls in flight one destination may have; 1 is the share itself.</param>
internal sealed class Hash(CallKey key, double maxLoad) : Rule
{
    public override int Pick(Choice choice, UpstreamCall call, in Looked looked)
    {
        if (!key.TryHash(call, out var hash))
        {
            return ByPoint(choice, looked);
        }
        var best = Best(choice, hash, looked, double.PositiveInfinity);
        if (best < 0 || choice.Members[best].Destination.Calls.Value == 0)
        {
            return best;
        }
        var calls = 1L;
        foreach (var member in choice.Members)
        {
            calls += member.Destination.Calls.Value;
        }
        return Best(choice, hash, looked, maxLoad * calls / choice.Total) is >= 0 and var within ? within : best;
    }

    /// <summary>The first for that key of those with fewer calls than <paramref name="most"/> for each unit of weight.</summary>
    private static int Best(Choice choice, ulong hash, in Looked looked, double most)
    {
        var (best, bestScore) = (-1, double.PositiveInfinity);
        for (var i = 0; i < choice.Members.Length; i++)
        {
            var destination = choice.Members[i].Destination;
            if (looked.Has(i) || destination.Calls.Value >= Math.Ceiling(most * choice.Weight(i)))
            {
                continue;
            }
            var point = ((StableHash.Mix(hash ^ destination.Seed) >> 12) + 0.5) / (1UL << 52);
            // In the order of the points where weights are equal, so that keys stay where they are when one weight changes.
            var score = choice.IsEven ? point : -double.LogP1(-point) / choice.Weight(i);
            if (score < bestScore)
            {
                (best, bestScore) = (i, score);
            }
        }
        return best;
    }
}
