using Postern.Config;

namespace Postern.Upstreams.HealthChecking;

/// <summary>What is asked of each destination and what must come back: what was written and the defaults of the rest.</summary>
internal sealed record ProbePlan(string Path, TimeSpan Interval, TimeSpan Timeout, StatusRange[] Statuses, string? Body, int UnhealthyAfter, int HealthyAfter)
{
    private static readonly StatusRange[] Usual = [new(200, 299)];

    /// <summary>Null where nothing is asked.</summary>
    public static ProbePlan? Of(HealthOptions options) => options.Path is not { } path ? null : new ProbePlan(
        path, options.Interval ?? TimeSpan.FromSeconds(2), options.Timeout ?? TimeSpan.FromSeconds(1), options.Expect?.Status is { } some ? [.. some] : Usual,
        options.Expect?.Body, options.UnhealthyAfter ?? 2, options.HealthyAfter ?? 1);

    /// <summary>What it expects, in words.</summary>
    public string Expected => string.Join(", ", Statuses);

    /// <inheritdoc/>
    public override string ToString() =>
        $"GET {Path} every {Scalars.Format(Interval)}, timeout {Scalars.Format(Timeout)}, expects {Expected}{(Body is null ? "" : $" and '{Body}' in the body")}, unhealthy after {UnhealthyAfter}, healthy after {HealthyAfter}";
}
