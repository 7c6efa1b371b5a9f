using Postern.Config;

namespace Postern.Upstreams.Forwarding;

/// <summary>Where an upstream is, and how it is spoken to.</summary>
public sealed record ForwardingOptions : Options
{
    /// <summary>The only destination: <c>http://10.0.0.5:5001</c>.</summary>
    public string? Url { get; init; }

    /// <summary>All destinations.</summary>
    [OneOrMany] public IReadOnlyList<string>? Urls { get; init; }

    /// <summary>The protocol spoken to every destination.</summary>
    [Default("http1")] public UpstreamProtocol? Protocol { get; init; }

    /// <summary>How long a connection may take to open; 502 past it.</summary>
    [Default("5s"), Range("1ms", "5m")] public TimeSpan? ConnectTimeout { get; init; }

    /// <summary>Connections open at once to one destination. Past it a call waits for one, as long as <c>connectTimeout</c>; then 503.</summary>
    [Default("1024"), Range("1", "65535")] public int? MaxConnections { get; init; }

    /// <summary>Every destination, however it was written.</summary>
    internal IReadOnlyList<string> Destinations => Urls ?? (Url is null ? [] : [Url]);

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Url is not null && Urls is not null)
        {
            check.Error(this, "url", "either url or urls; remove one");
        }
    }
}

/// <summary>How an upstream is spoken to.</summary>
public enum UpstreamProtocol
{
    /// <summary>HTTP/1.1 (RFC 9112).</summary>
    Http1,
    /// <summary>HTTP/2 (RFC 9113) with prior knowledge; what gRPC needs.</summary>
    Http2,
}
