using Postern.Config;

namespace Postern.Upstreams.Deadlines;

/// <summary>How long an upstream may take.</summary>
public sealed record DeadlineOptions : Options
{
    /// <summary>From the call, or from the last piece of its body sent, to the head of the answer; 504 past it.</summary>
    [Default("30s"), Range("1ms", "1h")] public TimeSpan? Timeout { get; init; }
}
