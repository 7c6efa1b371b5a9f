namespace Postern.Upstreams.HealthChecking;

/// <summary>Health checks, in C#.</summary>
public static class HealthExtensions
{
    /// <summary>Takes destinations that don't work out of the choice: <c>.Health("/healthz", h => h with { Interval = …, Passive = new() })</c>.</summary>
    /// <param name="upstream">The upstream.</param>
    /// <param name="path">What each destination is asked for; null to ask nothing, and only watch its calls.</param>
    /// <param name="change">What else differs from the defaults.</param>
    public static UpstreamBuilder Health(this UpstreamBuilder upstream, string? path, Func<HealthOptions, HealthOptions>? change = null)
    {
        var options = new HealthOptions { Path = path };
        return upstream.Set<HealthSection>(o => o with { Health = change is null ? options : change(options) });
    }
}
