namespace Postern.Upstreams.Retrying;

/// <summary>An upstream's retries in C#.</summary>
public static class RetryExtensions
{
    /// <summary>How many tries a call has in all, and what else is to be said of them.</summary>
    /// <param name="upstream">The upstream.</param>
    /// <param name="attempts">How many, the first among them; 1 for no other.</param>
    /// <param name="change">Says more: <c>o => o with { On = [CallFailure.Connect] }</c>.</param>
    public static UpstreamBuilder Retry(this UpstreamBuilder upstream, int attempts, Func<RetryOptions, RetryOptions>? change = null)
    {
        var options = new RetryOptions { Attempts = attempts };
        return upstream.Set<RetrySection>(o => o with { Retry = change is null ? options : change(options) });
    }
}
