using System.Security.Cryptography;

namespace Postern.Config;

/// <summary>
/// A file that isn't text: a set of descriptors. It is read when the configuration is, and watched like it; a relative path begins
/// at the directory of the file that names it.
/// </summary>
/// <param name="Path">The file.</param>
/// <param name="Bytes">What it holds.</param>
public sealed record FileBytes(string Path, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Tells these bytes from any others.</summary>
    public string Digest { get; } = DigestOf(Bytes.Span);

    /// <summary>Whether both are the same file with the same bytes.</summary>
    public bool Equals(FileBytes? other) => other is not null && Path == other.Path && Digest == other.Digest;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Path, Digest);

    /// <summary>The path alone.</summary>
    public override string ToString() => Path;

    internal static string DigestOf(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
