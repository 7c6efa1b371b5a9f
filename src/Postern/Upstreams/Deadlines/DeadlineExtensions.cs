namespace Postern.Upstreams.Deadlines;

/// <summary>The deadlines of an upstream in C#; its <c>timeout</c> is <see cref="UpstreamBuilder.Timeout"/>.</summary>
public static class DeadlineExtensions
{
    /// <summary>How long a single try may take to begin its answer.</summary>
    public static UpstreamBuilder TryTimeout(this UpstreamBuilder upstream, TimeSpan timeout) => upstream.Set<DeadlineOptions>(o => o with { TryTimeout = timeout });

    /// <summary>How long an answer that has begun may be silent; null for no bound.</summary>
    public static UpstreamBuilder IdleTimeout(this UpstreamBuilder upstream, TimeSpan? timeout)
    {
        upstream.Switch("idleTimeout", off: timeout is null);
        return upstream.Set<DeadlineOptions>(o => o with { IdleTimeout = timeout });
    }

    /// <summary>The header field that tells the upstream how many milliseconds its answer is waited for.</summary>
    public static UpstreamBuilder DeadlineHeader(this UpstreamBuilder upstream, string name) => upstream.Set<DeadlineOptions>(o => o with { DeadlineHeader = name });

    /// <summary>Whether gRPC calls are told how much time is left.</summary>
    public static UpstreamBuilder GrpcTimeout(this UpstreamBuilder upstream, bool tell) => upstream.Set<DeadlineOptions>(o => o with { GrpcTimeout = tell });
}
