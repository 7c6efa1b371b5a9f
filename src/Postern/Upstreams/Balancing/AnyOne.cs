using Postern.Pipeline;

namespace Postern.Upstreams.Balancing;

/// <summary>Any, with chances by weight, and shares that are exact after few calls.</summary>
internal sealed class AnyOne : Rule
{
    public override int Pick(Choice choice, UpstreamCall call, in Looked looked) => ByPoint(choice, looked);
}
