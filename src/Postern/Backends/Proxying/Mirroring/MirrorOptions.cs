using Postern.Config;

namespace Postern.Backends.Proxying.Mirroring;

/// <summary>A copy of requests for another upstream, whose answers nobody reads.</summary>
[Shorthand(nameof(To))]
public sealed record MirrorOptions : Options
{
    /// <summary>Where copies go: an upstream's name and a path, written like a route's <c>to</c>.</summary>
    [Needed(Example = "http://NAME")] public string To { get; init; } = "";

    /// <summary>The share of requests that are copied.</summary>
    [Range("0%", "100%")] public Percent Sample { get; init; } = new(100);

    /// <summary>Copies in progress at once, of all routes of the gate to that upstream; requests past it are not copied.</summary>
    [Range("1", "10000")] public int MaxConcurrent { get; init; } = 100;

    /// <summary>The largest request body that is copied; a request with a larger one isn't.</summary>
    [Range("0", "1MB")] public ByteSize MaxBody { get; init; } = new(64 << 10);
}
