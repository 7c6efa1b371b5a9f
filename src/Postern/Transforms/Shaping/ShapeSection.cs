using Postern.Config;

namespace Postern.Transforms.Shaping;

/// <summary>The shape of a route's answer.</summary>
public sealed record ShapeSection : Options
{
    /// <summary>The shape of the answer: an expression of JMESPath, or a mapping with expressions as leaves. It reads the upstream's
    /// answer, or of a composed route the answers of its sources by their names.</summary>
    public Inline? Shape { get; init; }
}
