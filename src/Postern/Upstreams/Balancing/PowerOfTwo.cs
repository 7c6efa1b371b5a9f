using Postern.Pipeline;

namespace Postern.Upstreams.Balancing;

/// <summary>
/// Two by chance, and of these the one with fewer calls in flight for its weight. Nearly as even as asking all, and instances of a
/// fleet, which don't know of each other's calls, never all run to the same one. Of equals it is the first, which goes by weight.
/// </summary>
internal sealed class PowerOfTwo : Rule
{
    private const int Tries = 3;

    public override int Pick(Choice choice, UpstreamCall call, in Looked looked)
    {
        var first = ByPoint(choice, looked);
        var second = first < 0 ? first : Another(choice, first, looked);
        if (second == first)
        {
            return first;
        }
        var (one, other) = (choice.Members[first].Destination.Calls.Value, choice.Members[second].Destination.Calls.Value);
        return IsFreer(choice, second, other, first, one) ? second : first;
    }

    /// <summary>Another than the first by chance; the first itself where none is found soon.</summary>
    private static int Another(Choice choice, int first, in Looked looked)
    {
        var count = choice.Members.Length;
        for (var i = 0; i < Tries && count - looked.Count > 1; i++)
        {
            var second = choice.IsEven ? (first + 1 + Random.Shared.Next(count - 1)) % count : choice.At(Random.Shared.NextDouble());
            if (second != first && !looked.Has(second))
            {
                return second;
            }
        }
        return first;
    }
}
