using Postern.Config;

namespace Postern.Upstreams.HealthChecking;

/// <summary>When a destination is ejected, for how long, and how many may be: what was written and the defaults of the rest.</summary>
/// <param name="Rule">When.</param>
/// <param name="EjectFor">For how long the first time.</param>
/// <param name="MaxEjectFor">For how long at most.</param>
/// <param name="MaxEjected">How many at most, as a share from 0 to 1.</param>
internal sealed record PassivePlan(FailureRule Rule, TimeSpan EjectFor, TimeSpan MaxEjectFor, double MaxEjected)
{
    public static readonly TimeSpan UsualEjectFor = TimeSpan.FromSeconds(5);

    /// <summary>Null where nothing is ejected.</summary>
    public static PassivePlan? Of(HealthOptions? options)
    {
        if (options?.Passive is not { } passive)
        {
            return null;
        }
        var (ejectFor, most) = (passive.EjectFor ?? UsualEjectFor, passive.MaxEjectFor ?? TimeSpan.FromSeconds(10));
        return new PassivePlan(
            new FailureRule(passive.Failures, passive.FailureRate, passive.Window, passive.MinimumCalls, passive.On),
            ejectFor, most > ejectFor ? most : ejectFor, options.MaxEjected?.Share ?? 0.5);
    }

    /// <summary>How many of so many may be ejected.</summary>
    public int Most(int destinations) => (int)Math.Floor((MaxEjected * destinations) + 1e-9);

    /// <summary>How long for the n-th time, counted from 1.</summary>
    public TimeSpan For(int time) => EjectFor.Ticks * (double)time < MaxEjectFor.Ticks ? EjectFor * time : MaxEjectFor;

    /// <inheritdoc/>
    public override string ToString() =>
        $"ejects after {Rule}; for {Scalars.Format(EjectFor)}, growing to {Scalars.Format(MaxEjectFor)}; at most {new Percent((decimal)MaxEjected * 100)}";
}
