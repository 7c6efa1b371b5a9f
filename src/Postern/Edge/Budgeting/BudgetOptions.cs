using Postern.Config;

namespace Postern.Edge.Budgeting;

/// <summary>What an answer may weigh and how long it may take.</summary>
public sealed record BudgetSection : Options
{
    /// <summary>What an answer may weigh and how long it may take. One past it is counted and logged, never cut. A gate's holds for each
    /// of its routes by itself; <c>off</c> on a route for none.</summary>
    public BudgetOptions? Budget { get; init; }
}

/// <summary>The budget of an answer; one of the two is needed.</summary>
public sealed record BudgetOptions : Options
{
    /// <summary>How many bytes of body the client may be sent, counted as they are sent: compressed, where they are.</summary>
    [Range("1B", "1024GB")] public ByteSize? Bytes { get; init; }

    /// <summary>How long may pass from the request's arrival to the last byte of its answer.</summary>
    [Range("1ms", "1h")] public TimeSpan? Latency { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Bytes is null && Latency is null)
        {
            check.Error(this, "", "a budget says bytes, latency, or both; write { bytes: 64KB, latency: 300ms }, or off for none");
        }
    }
}
