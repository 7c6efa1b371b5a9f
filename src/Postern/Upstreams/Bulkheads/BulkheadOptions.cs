using Postern.Config;

namespace Postern.Upstreams.Bulkheads;

/// <summary>How many calls to an upstream may be in progress.</summary>
public sealed record BulkheadSection : Options
{
    /// <summary>How many calls may be in progress, those of all gates together; 503 past it. None where nothing is written.</summary>
    [CanBeOff] public BulkheadOptions? MaxConcurrent { get; init; }
}

/// <summary>A bound on the calls in progress, and how many more may wait.</summary>
[Shorthand(nameof(Calls))]
public sealed record BulkheadOptions : Options
{
    /// <summary>How many calls may be in progress: from the request until the last byte of the answer, or of the WebSocket; all tries of a call count as one.</summary>
    [Needed(Example = "512"), Range("1", "1000000")] public int? Calls { get; init; }

    /// <summary>How many more may wait for one of them to end, first come, first served. The next is refused at once.</summary>
    [Range("0", "100000")] public int Queue { get; init; }

    /// <summary>How long a call may wait before it is refused; its <c>timeout</c> runs meanwhile. Default: <c>1s</c>.</summary>
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
