using Postern.Config;

namespace Postern.Edge.Guarding;

/// <summary>What a route refuses before it does anything.</summary>
public sealed record GuardOptions : Options
{
    /// <summary>The largest request body; 413 past it, before more is read. <c>off</c> for no bound.</summary>
    [Default("10MB")] public ByteSize? MaxBody { get; init; }
}
