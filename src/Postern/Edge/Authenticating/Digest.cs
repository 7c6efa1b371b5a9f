using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Edge.Authenticating;

/// <summary>The SHA-256 of a credential: what it is remembered by, so that no memory of ours holds credentials.</summary>
[InlineArray(4)]
internal struct Digest : IEquatable<Digest>
{
    /// <summary>Longer credentials are refused unread.</summary>
    public const int MaxLength = 8 * 1024;

    private ulong first;

    /// <summary>The digest of a credential no longer than <see cref="MaxLength"/>.</summary>
    public static Digest Of(ReadOnlySpan<char> credential)
    {
        if (!Ascii.IsValid(credential))
        {
            return OfBytes(Encoding.UTF8.GetBytes(credential.ToArray())); // No two texts have the same bytes.
        }
        Span<byte> bytes = stackalloc byte[credential.Length];
        Ascii.FromUtf16(credential, bytes, out _);
        return OfBytes(bytes);
    }

    private static Digest OfBytes(ReadOnlySpan<byte> bytes)
    {
        var digest = default(Digest);
        SHA256.HashData(bytes, MemoryMarshal.AsBytes((Span<ulong>)digest));
        return digest;
    }

    /// <summary>Reads 64 hexadecimal digits.</summary>
    public static bool TryParse(string hex, out Digest digest)
    {
        digest = default;
        return hex.Length == 64 && Convert.FromHexString(hex, MemoryMarshal.AsBytes((Span<ulong>)digest), out _, out _) == System.Buffers.OperationStatus.Done;
    }

    /// <inheritdoc/>
    public readonly bool Equals(Digest other) => ((ReadOnlySpan<ulong>)this).SequenceEqual(other);

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is Digest other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode() => this[0].GetHashCode(); // A hash already.

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override readonly string ToString() => Convert.ToHexStringLower(MemoryMarshal.AsBytes((ReadOnlySpan<ulong>)this));
}
