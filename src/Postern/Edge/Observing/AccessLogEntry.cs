using Postern.Pipeline;

namespace Postern.Edge.Observing;

/// <summary>What one line of the access log says; nothing in it is formatted before it is written.</summary>
internal struct AccessLogEntry
{
    /// <summary>When the request came, and how long it took, in ticks of <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long Started, Duration;
    public long BytesSent;
    public int Status, Attempts;
    public Failure Failure;
    public string Gate, Route, Method, Path, TraceId, RequestId, Client;
    public string? Upstream, Destination, Fallback, FailedSources, Reason, Identity, Consumer, Tier, Limit, PastBudget;

    /// <summary>Whether limits were decided without the store that they are shared through.</summary>
    public bool LimitedAlone;
}
