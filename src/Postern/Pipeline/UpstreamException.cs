namespace Postern.Pipeline;

/// <summary>
/// A call that did not succeed, with the failure the client is told. The message is for the log: it may name addresses,
/// so it never goes to a client.
/// </summary>
public sealed class UpstreamException(Failure failure, string message, Exception? inner = null) : HttpRequestException(message, inner)
{
    /// <summary>The row of the failure table that answers the client.</summary>
    public Failure Failure { get; } = failure;

    /// <summary>Seconds after which trying again may help; null where nobody knows.</summary>
    public int? RetryAfter { get; init; }
}
