using Postern.Config;

namespace Postern.Upstreams;

/// <summary>
/// When calls have failed too often: so many in a row, or such a share of those within a window. What is written holds; where
/// neither is, both do, with their defaults.
/// </summary>
internal sealed class FailureRule
{
    /// <summary>Failures in a row, where nothing is said.</summary>
    public const int UsualFailures = 5;

    private static readonly CallFailure[] Usual = [CallFailure.Connect, CallFailure.Timeout, CallFailure.Reset, CallFailure.Status(500, 599)];

    private readonly Failures failures;
    private readonly string text;

    public FailureRule(int? inARow, Percent? rate, TimeSpan? window, int? minimumCalls, IReadOnlyList<CallFailure>? on)
    {
        InARow = inARow ?? (rate is null ? UsualFailures : null);
        Rate = rate?.Share ?? (inARow is null ? 0.5 : null);
        Window = window ?? TimeSpan.FromSeconds(10);
        MinimumCalls = minimumCalls ?? 20;
        failures = new Failures(on ?? Usual);
        text = string.Join(", or ", new[]
        {
            InARow is { } count ? $"{count} failures in a row" : null,
            Rate is { } share ? $"{new Percent((decimal)share * 100)} of {MinimumCalls} calls or more within {Scalars.Format(Window)}" : null,
        }.OfType<string>()) + $" (counted: {string.Join(", ", on ?? Usual)})";
    }

    /// <summary>Failures in a row that are too many; null for none.</summary>
    public int? InARow { get; }

    /// <summary>The share that is too much, from 0 to 1; null for none.</summary>
    public double? Rate { get; }

    /// <summary>Within which the share is counted.</summary>
    public TimeSpan Window { get; }

    /// <summary>How many calls there must be before the share means anything.</summary>
    public int MinimumCalls { get; }

    /// <summary>Whether the outcome is a failure; null where it says nothing of the upstream.</summary>
    public bool? Judge(in Outcome outcome) => outcome.Kind is OutcomeKind.Cancelled or OutcomeKind.NotAsked ? null : failures.Has(outcome);

    /// <summary>What it says, in full: two that say the same are the same.</summary>
    public override string ToString() => text;

    /// <summary>What its keys can't say together.</summary>
    public static void Validate(Check check, Options at, int? inARow, Percent? rate, TimeSpan? window, int? minimumCalls, IReadOnlyList<CallFailure>? on)
    {
        if (inARow is not null && rate is null && (minimumCalls is not null ? "minimumCalls" : window is not null ? "window" : null) is { } idle)
        {
            check.Error(at, idle, "has no effect: only failures in a row are counted; add failureRate: 50%, or remove it");
        }
        for (var i = 0; i < (on?.Count ?? 0); i++)
        {
            if (on![i] is { Kind: CallFailureKind.Status, Statuses: { From: < 400 and > 0 } range })
            {
                check.Error(at, $"on[{i}]", $"an answer below 400 is no failure, got {range}; write connect, timeout, reset, 503 or 5xx");
            }
        }
    }
}
