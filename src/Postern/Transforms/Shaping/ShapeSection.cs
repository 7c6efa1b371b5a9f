using Postern.Config;

namespace Postern.Transforms.Shaping;

/// <summary>The shape of a route's answer.</summary>
public sealed record ShapeSection : Options
{
    /// <summary>The shape of the answer: an expression of JMESPath, or a mapping with expressions as leaves. It reads the upstream's
    /// answer, or of a composed route the answers of its sources by their names.</summary>
    public Inline? Shape { get; init; }

    /// <summary>How many bytes of JSON an answer may be made of: a shaped one of its upstream's answer, 502 past it; a composed one of all its
    /// sources' together, and a source past it fails. Each source has a <c>maxBytes</c> of its own too.</summary>
    [Default("16MB"), Range("1KB", "1GB")] public ByteSize? MaxBytes { get; init; }

    /// <summary>The same where it was turned off, too: there is always a bound.</summary>
    internal int MostBytes => (int)(MaxBytes?.Bytes ?? 16 << 20);
}
