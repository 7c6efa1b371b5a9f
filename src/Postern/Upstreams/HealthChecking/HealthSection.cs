using Postern.Config;

namespace Postern.Upstreams.HealthChecking;

/// <summary>How it is found out which destinations of an upstream work.</summary>
public sealed record HealthSection : Options
{
    /// <summary>Takes destinations that don't work out of the choice, until they do again.</summary>
    [CanBeOff] public HealthOptions? Health { get; init; }
}

/// <summary>Asks every destination by itself whether it is well (<c>path</c>), and watches how calls end (<c>passive</c>); one of them, or both.</summary>
[Shorthand(nameof(Path))]
public sealed record HealthOptions : Options
{
    /// <summary>Asked with GET at each destination, on a connection of its own: <c>/healthz</c>. Without it nothing is asked.</summary>
    public string? Path { get; init; }

    /// <summary>How often each destination is asked, give or take a tenth.</summary>
    [Default("2s"), Range("10ms", "1h")] public TimeSpan? Interval { get; init; }

    /// <summary>How long one may take to answer, from opening the connection to the last byte that is looked at.</summary>
    [Default("1s"), Range("1ms", "1m")] public TimeSpan? Timeout { get; init; }

    /// <summary>What it must answer.</summary>
    public ExpectOptions? Expect { get; init; }

    /// <summary>After so many wrong answers in a row a destination gets no calls.</summary>
    [Default("2"), Range("1", "1000")] public int? UnhealthyAfter { get; init; }

    /// <summary>After so many right answers in a row it gets calls again.</summary>
    [Default("1"), Range("1", "1000")] public int? HealthyAfter { get; init; }

    /// <summary>Takes a destination out whose calls fail too often.</summary>
    public PassiveOptions? Passive { get; init; }

    /// <summary>The share of destinations that <c>passive</c> may have taken out at once, rounded down.</summary>
    [Default("50%"), Range("0%", "100%")] public Percent? MaxEjected { get; init; }

    /// <summary>Where fewer than this share of the destinations are well, all are called: a few would only be overrun, or the check itself is wrong. <c>0%</c> for never.</summary>
    [Default("50%"), Range("0%", "100%")] public Percent? PanicBelow { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Path is null && Passive is null)
        {
            check.Error(this, "", "nothing says how to find out; add path: /healthz to ask each destination, or passive: {} to watch its calls");
            return;
        }
        if (Path is not null && Problem(Path) is { } problem)
        {
            check.Error(this, "path", $"{problem}, got '{Path}'; write a path such as /healthz");
        }
        foreach (var (key, written) in new[] { ("interval", Interval is not null), ("timeout", Timeout is not null), ("expect", Expect is not null), ("unhealthyAfter", UnhealthyAfter is not null), ("healthyAfter", HealthyAfter is not null) })
        {
            if (written && Path is null)
            {
                check.Error(this, key, "has no effect: nothing is asked without a path; add path: /healthz, or remove it");
            }
        }
        if (MaxEjected is not null && Passive is null)
        {
            check.Error(this, "maxEjected", "has no effect: nothing is ejected without passive; add passive: {}, or remove it");
        }
    }

    private static string? Problem(string path) =>
        !path.StartsWith('/') ? "not a path"
        : path.AsSpan().ContainsAnyExceptInRange('!', '~') ? "a path has no spaces and nothing but ASCII; encode the rest"
        : path.Contains('#') ? "a fragment is never sent" : null;
}

/// <summary>What a destination that is well answers.</summary>
[Shorthand(nameof(Status))]
public sealed record ExpectOptions : Options
{
    /// <summary>Its status: one of these. Default: <c>2xx</c>.</summary>
    [OneOrMany] public IReadOnlyList<StatusRange>? Status { get; init; }

    /// <summary>What stands somewhere in the first 64 KB of its body.</summary>
    public string? Body { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Body is "")
        {
            check.Error(this, "body", "every body has nothing in it somewhere, got an empty text; write what it must hold, or remove it");
        }
    }
}

/// <summary>When a destination is taken out for how its calls end, and for how long. <c>{}</c> is all defaults.</summary>
[Shorthand(nameof(Failures))]
public sealed record PassiveOptions : Options
{
    /// <summary>Takes it out after so many failures in a row. Default: <c>5</c>, where <c>failureRate</c> isn't written either; else not counted.</summary>
    [Range("1", "10000")] public int? Failures { get; init; }

    /// <summary>Takes it out when such a share of its calls within <c>window</c> has failed. Default: <c>50%</c>, where <c>failures</c> isn't written either; else not counted.</summary>
    [Range("1%", "100%")] public Percent? FailureRate { get; init; }

    /// <summary>Within which the share is counted, in steps of a tenth of it.</summary>
    [Default("10s"), Range("100ms", "1h")] public TimeSpan? Window { get; init; }

    /// <summary>How many calls it must have had within <c>window</c> before their share means anything.</summary>
    [Default("20"), Range("1", "1000000")] public int? MinimumCalls { get; init; }

    /// <summary>How long it gets no calls the first time; the second time twice as long, the third three times. For each time that it then works as long, once less.</summary>
    [Default("5s"), Range("10ms", "1h")] public TimeSpan? EjectFor { get; init; }

    /// <summary>How long it gets no calls at most.</summary>
    [Default("10s"), Range("10ms", "24h")] public TimeSpan? MaxEjectFor { get; init; }

    /// <summary>What counts as a failure: <c>connect</c>, <c>timeout</c>, <c>reset</c>, statuses. A client that leaves never does. Default: <c>[connect, timeout, reset, 5xx]</c>.</summary>
    [OneOrMany] public IReadOnlyList<CallFailure>? On { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        FailureRule.Validate(check, this, Failures, FailureRate, Window, MinimumCalls, On);
        var least = EjectFor ?? PassivePlan.UsualEjectFor;
        if (MaxEjectFor < least)
        {
            check.Error(this, "maxEjectFor", $"is shorter than ejectFor, got {Scalars.Format(MaxEjectFor.Value)} with ejectFor {Scalars.Format(least)}; write {Scalars.Format(least)} or more");
        }
    }
}
