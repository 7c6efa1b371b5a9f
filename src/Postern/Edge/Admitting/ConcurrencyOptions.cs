using Postern.Config;

namespace Postern.Edge.Admitting;

/// <summary>How many requests may be in progress. On a gate, all its routes count together; on a route, that route alone.</summary>
public sealed record ConcurrencySection : Options
{
    /// <summary>How many requests may be in progress; 503 past it, before anybody has looked who is calling. A gate's counts all its
    /// routes together; a route with its own, or with <c>off</c>, isn't counted there.</summary>
    public MaxConcurrentOptions? MaxConcurrent { get; init; }

    /// <summary>How many requests one caller may have in progress: a consumer, or an address (IPv6 by /64) where nobody is known; 503 past it.
    /// A gate's counts a caller's requests to all its routes together; a route with its own, or with <c>off</c>, isn't counted there.</summary>
    [Range("1", "1000000")] public int? MaxConcurrentPerConsumer { get; init; }
}

/// <summary>A bound on the requests in progress, and how many more may wait.</summary>
[Shorthand(nameof(Requests))]
public sealed record MaxConcurrentOptions : Options
{
    /// <summary>How many requests may be in progress: from their head until the last byte of the answer, or of the WebSocket.</summary>
    [Needed(Example = "2000"), Range("1", "1000000")] public int? Requests { get; init; }

    /// <summary>How many more may wait for one of them to end, first come, first served. The next is refused at once.</summary>
    [Range("0", "100000")] public int Queue { get; init; }

    /// <summary>How long a request may wait before it is refused. Default: <c>1s</c>.</summary>
    [Range("1ms", "1m")] public TimeSpan? QueueTimeout { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (QueueTimeout is not null && Queue == 0)
        {
            check.Error(this, "queueTimeout", "nothing waits without a queue; add queue: 100, or remove it");
        }
    }
}
