using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding;

/// <summary>One protocol spoken to one destination, with the connections that it keeps.</summary>
internal interface IWire
{
    /// <summary>Sends a call; the reply comes as soon as its head is whole.</summary>
    Task<HttpResponseMessage> SendAsync(UpstreamCall call, CancellationToken cancel);

    /// <summary>No configuration names this destination any more: connections close as soon as no call uses them.</summary>
    void Retire();
}
