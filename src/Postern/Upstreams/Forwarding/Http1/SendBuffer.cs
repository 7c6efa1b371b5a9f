using System.Buffers;
using System.Text;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>Bytes on their way out, in one rented array, so that a head and what is there of its body leave in one send.</summary>
internal struct SendBuffer
{
    private byte[]? bytes;

    /// <summary>How many bytes were written.</summary>
    public int Length { get; private set; }

    public readonly ReadOnlyMemory<byte> From(int start) => bytes.AsMemory(start, Length - start);

    /// <summary>Room for at least <paramref name="size"/> more bytes.</summary>
    public Span<byte> Room(int size)
    {
        if (bytes is null)
        {
            bytes = ArrayPool<byte>.Shared.Rent(Math.Max(size, 4096));
        }
        else if (bytes.Length - Length < size)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Length + size);
            bytes.AsSpan(0, Length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(bytes);
            bytes = larger;
        }
        return bytes.AsSpan(Length);
    }

    public void Advance(int count) => Length += count;

    public void Write(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        Length += text.Length;
    }

    public void Write(string text) => Length += Encoding.Latin1.GetBytes(text, Room(text.Length));

    /// <summary>Forgets what was written, keeps the array.</summary>
    public void Clear() => Length = 0;

    /// <summary>Gives the array back.</summary>
    public void Release()
    {
        if (bytes is { } rented)
        {
            bytes = null;
            ArrayPool<byte>.Shared.Return(rented);
        }
        Length = 0;
    }
}
