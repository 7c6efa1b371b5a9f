using Postern.Config;
using Postern.Upstreams.Resolving;

namespace Postern.Upstreams.Forwarding;

/// <summary>Where an upstream is, and how it is spoken to.</summary>
public sealed record ForwardingOptions : Options
{
    /// <summary>The only destination: <c>http://10.0.0.5:5001</c>.</summary>
    public string? Url { get; init; }

    /// <summary>All destinations: URLs, or <c>{ url, weight, backup }</c>.</summary>
    [OneOrMany] public IReadOnlyList<DestinationOptions>? Urls { get; init; }

    /// <summary>Makes a destination of each address that a URL's host name has, and keeps looking: <c>dns</c> for A and AAAA records, <c>srv</c> for
    /// SRV, or a mapping. Without it a name is one destination, and looked up for each connection.</summary>
    public ResolveOptions? Resolve { get; init; }

    /// <summary>The protocol spoken to every destination.</summary>
    [Default("http1")] public UpstreamProtocol? Protocol { get; init; }

    /// <summary>How long a connection may take to open; 502 past it.</summary>
    [Default("5s"), Range("1ms", "5m")] public TimeSpan? ConnectTimeout { get; init; }

    /// <summary>Connections open at once to one destination. Past it a call waits for one, as long as <c>connectTimeout</c>; then 503.</summary>
    [Default("1024"), Range("1", "65535")] public int? MaxConnections { get; init; }

    /// <summary>Every destination, however it was written.</summary>
    internal IReadOnlyList<DestinationOptions> Destinations => Urls ?? (Url is null ? [] : [new DestinationOptions { Url = Url }]);

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Url is not null && Urls is not null)
        {
            check.Error(this, "url", "either url or urls; remove one");
        }
        if (Urls is { Count: > 0 } && Urls.All(u => u.Weight == 0))
        {
            check.Error(this, "urls", "every weight is 0, so nothing could be called; give one destination a weight");
        }
        else if (Urls is { Count: > 0 } && Urls.All(u => u.Backup || u.Weight == 0))
        {
            check.Error(this, "urls", "every destination is a backup; take 'backup' from those that are to be called first");
        }
    }
}

/// <summary>One destination. A plain text is its URL.</summary>
[Shorthand(nameof(Url))]
public sealed record DestinationOptions : Options
{
    /// <summary>Where it is: <c>http://10.0.0.5:5001</c>.</summary>
    [Needed(Example = "http://10.0.0.5:5001")] public string Url { get; init; } = "";

    /// <summary>Its share of the calls, in proportion to the sum of all weights; 0 for none but those that a cookie binds to it.</summary>
    [Range("0", "1000000")] public int Weight { get; init; } = 1;

    /// <summary>Whether it is called only while no other is well, or so few that it would be panic to call only them.</summary>
    public bool Backup { get; init; }

    /// <summary>A URL alone.</summary>
    public static implicit operator DestinationOptions(string url) => new() { Url = url };
}

/// <summary>How an upstream is spoken to.</summary>
public enum UpstreamProtocol
{
    /// <summary>HTTP/1.1 (RFC 9112).</summary>
    Http1,
    /// <summary>HTTP/2 (RFC 9113) with prior knowledge.</summary>
    Http2,
    /// <summary>The same, for an upstream that speaks gRPC over it; with <c>descriptors</c> its methods are called with JSON.</summary>
    Grpc,
}
