using Postern.Backends.Proxying.Mirroring;
using Postern.Config;
using Postern.Pipeline;

namespace Postern.Backends.Proxying;

/// <summary>A route that sends each request to an upstream.</summary>
public sealed record ProxyOptions : Options
{
    /// <summary>Where requests go: one URL, or a list of <c>{ url, weight }</c> that share them by weight. The URL's host is the name of
    /// an upstream; its path takes <c>{name}</c> from the route; without a path the rest of the request's own path is sent.</summary>
    [OneOrMany, RouteOnly] public IReadOnlyList<TargetOptions>? To { get; init; }

    /// <summary>What keeps a caller on its side of a weighted list: <c>consumer</c> (who it is known to be), <c>ip</c> (IPv6 by /64), <c>header:NAME</c>
    /// or <c>cookie:NAME</c>. A request without it takes its turn.</summary>
    public string? Sticky { get; init; }

    /// <summary>Whether the upstream sees the client's <c>Host</c> instead of its own.</summary>
    [Default("false")] public bool? PreserveHost { get; init; }

    /// <summary>Another upstream that gets a copy of requests, and whose answers nobody reads: a URL like that of <c>to</c>, or <c>{ to, sample, maxConcurrent, maxBody }</c>.</summary>
    public MirrorOptions? Mirror { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Sticky is not null && KeyedBy.Problem(Sticky, "not a way to be sticky") is { } problem)
        {
            check.Error(this, "sticky", problem);
        }
    }
}

/// <summary>One side of a weighted list.</summary>
[Shorthand(nameof(Url))]
public sealed record TargetOptions : Options
{
    /// <summary>Where this share goes: <c>http://orders/api/orders?limit=5</c>.</summary>
    [Needed(Example = "http://NAME/path")] public string Url { get; init; } = "";

    /// <summary>Its share, in proportion to the sum of all weights; 0 for none.</summary>
    [Range("0", "1000000")] public int Weight { get; init; } = 1;
}
