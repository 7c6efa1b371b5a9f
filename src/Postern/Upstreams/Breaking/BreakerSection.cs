using Postern.Config;

namespace Postern.Upstreams.Breaking;

/// <summary>When an upstream is left alone for a while.</summary>
public sealed record BreakerSection : Options
{
    /// <summary>Stops calling an upstream that fails too often, and a destination of it where there are several; 503 meanwhile.</summary>
    [CanBeOff] public BreakerOptions? Breaker { get; init; }
}

/// <summary>When a breaker opens, for how long, and how it closes again. <c>{}</c> is one with all defaults.</summary>
[Shorthand(nameof(Failures))]
public sealed record BreakerOptions : Options
{
    /// <summary>Opens after so many failures in a row. Default: <c>5</c>, where <c>failureRate</c> isn't written either; else not counted.</summary>
    [Range("1", "10000")] public int? Failures { get; init; }

    /// <summary>Opens when such a share of the calls within <c>window</c> has failed. Default: <c>50%</c>, where <c>failures</c> isn't written either; else not counted.</summary>
    [Range("1%", "100%")] public Percent? FailureRate { get; init; }

    /// <summary>Within which the share is counted, in steps of a tenth of it.</summary>
    [Default("10s"), Range("100ms", "1h")] public TimeSpan? Window { get; init; }

    /// <summary>How many calls there must be within <c>window</c> before their share means anything.</summary>
    [Default("20"), Range("1", "1000000")] public int? MinimumCalls { get; init; }

    /// <summary>How long it stays open before probes are let through. Twice as long each time that they fail, up to <c>maxOpenFor</c>.</summary>
    [Default("5s"), Range("1ms", "1h")] public TimeSpan? OpenFor { get; init; }

    /// <summary>The longest that it stays open before probes are let through. Default: twice <c>openFor</c>.</summary>
    [Range("1ms", "1h")] public TimeSpan? MaxOpenFor { get; init; }

    /// <summary>Calls that are let through at once to see whether the upstream works again; it closes when so many have succeeded.</summary>
    [Default("1"), Range("1", "1000")] public int? Probes { get; init; }

    /// <summary>What counts as a failure: <c>connect</c>, <c>timeout</c>, <c>reset</c>, statuses. A client that leaves never does. Default: <c>[connect, timeout, reset, 5xx]</c>.</summary>
    [OneOrMany] public IReadOnlyList<CallFailure>? On { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        FailureRule.Validate(check, this, Failures, FailureRate, Window, MinimumCalls, On);
        if (MaxOpenFor < (OpenFor ?? BreakerPlan.UsualOpenFor))
        {
            var least = Scalars.Format(OpenFor ?? BreakerPlan.UsualOpenFor);
            check.Error(this, "maxOpenFor", $"is shorter than openFor, got {Scalars.Format(MaxOpenFor.Value)} with openFor {least}; write {least} or more");
        }
    }
}

/// <summary>What was written and the defaults of the rest.</summary>
/// <param name="Rule">When it opens.</param>
/// <param name="OpenFor">For how long at first.</param>
/// <param name="MaxOpenFor">For how long at most.</param>
/// <param name="Probes">How many calls at once may try whether it works again.</param>
internal sealed record BreakerPlan(FailureRule Rule, TimeSpan OpenFor, TimeSpan MaxOpenFor, int Probes)
{
    public static readonly TimeSpan UsualOpenFor = TimeSpan.FromSeconds(5);

    public static BreakerPlan Of(BreakerOptions options)
    {
        var openFor = options.OpenFor ?? UsualOpenFor;
        return new BreakerPlan(
            new FailureRule(options.Failures, options.FailureRate, options.Window, options.MinimumCalls, options.On),
            openFor, options.MaxOpenFor ?? openFor * 2, options.Probes ?? 1);
    }

    /// <summary>How long it is open for the n-th time in a row, counted from 1.</summary>
    public TimeSpan Open(int time)
    {
        var grown = OpenFor.Ticks * Math.Pow(2, Math.Min(time - 1, 40));
        return grown < MaxOpenFor.Ticks ? TimeSpan.FromTicks((long)grown) : MaxOpenFor;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"opens after {Rule}; for {Scalars.Format(OpenFor)}{(MaxOpenFor > OpenFor ? $", growing to {Scalars.Format(MaxOpenFor)}" : "")}; closes by {(Probes == 1 ? "1 probe" : $"{Probes} probes")}";
}
