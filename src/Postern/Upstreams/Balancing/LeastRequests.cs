using Postern.Pipeline;

namespace Postern.Upstreams.Balancing;

/// <summary>The one with the fewest calls in flight for its weight. It begins with whose turn it is, so that equals share by weight.</summary>
internal sealed class LeastRequests : Rule
{
    public override int Pick(Choice choice, UpstreamCall call, in Looked looked)
    {
        var least = InTurn(choice, looked);
        if (least < 0)
        {
            return least;
        }
        var (members, start) = (choice.Members, least);
        long calls = members[least].Destination.Calls.Value;
        for (var i = 1; i < members.Length && calls > 0; i++)
        {
            var index = start + i < members.Length ? start + i : start + i - members.Length;
            long others = members[index].Destination.Calls.Value;
            // Of those that could take the turn it goes to the one that would have the least with the call.
            var isFreer = least == start ? IsFreer(choice, index, others, least, calls) : (others + 1) * choice.Weight(least) < (calls + 1) * choice.Weight(index);
            if (isFreer && !looked.Has(index))
            {
                (least, calls) = (index, others);
            }
        }
        return least;
    }
}
