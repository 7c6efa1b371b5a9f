namespace Postern.Upstreams.Breaking;

/// <summary>Breakers, in C#.</summary>
public static class BreakerExtensions
{
    /// <summary>Stops calling the upstream while it fails too often: <c>.Breaker(b => b with { Failures = 5 })</c>.</summary>
    /// <param name="upstream">The upstream.</param>
    /// <param name="change">What differs from the defaults.</param>
    public static UpstreamBuilder Breaker(this UpstreamBuilder upstream, Func<BreakerOptions, BreakerOptions>? change = null)
    {
        var options = new BreakerOptions();
        return upstream.Set<BreakerSection>(o => o with { Breaker = change is null ? options : change(options) });
    }
}
