namespace Postern.Upstreams.Bulkheads;

/// <summary>An upstream's bulkhead in C#.</summary>
public static class BulkheadExtensions
{
    /// <summary>How many calls to the upstream may be in progress; null for no bound.</summary>
    /// <param name="upstream">The upstream.</param>
    /// <param name="calls">How many.</param>
    /// <param name="queue">How many more may wait.</param>
    /// <param name="queueTimeout">How long one may wait; a second where nothing is said.</param>
    public static UpstreamBuilder MaxConcurrent(this UpstreamBuilder upstream, int? calls, int queue = 0, TimeSpan? queueTimeout = null) =>
        upstream.Set<BulkheadSection>(o => o with
        {
            MaxConcurrent = calls is null ? null : new BulkheadOptions { Calls = calls, Queue = queue, QueueTimeout = queueTimeout },
        });
}
