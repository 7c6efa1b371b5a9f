using Postern.Pipeline;

namespace Postern.Upstreams.Balancing;

/// <summary>One after the other; one of weight 2 comes twice as often, and not twice in a row where that can be.</summary>
internal sealed class RoundRobin : Rule
{
    public override int Pick(Choice choice, UpstreamCall call, in Looked looked) => InTurn(choice, looked);
}
