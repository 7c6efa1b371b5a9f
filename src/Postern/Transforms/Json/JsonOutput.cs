using System.Buffers;

namespace Postern.Transforms.Json;

/// <summary>
/// Where an answer is put together: pooled memory that grows to a bound, and from which the last bytes can be taken back.
/// Past the bound nothing more is kept, and <see cref="IsFull"/> says so.
/// </summary>
internal sealed class JsonOutput(int maxBytes) : IBufferWriter<byte>, IDisposable
{
    private byte[] buffer = ArrayPool<byte>.Shared.Rent(Math.Min(maxBytes, 4096));

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>Whether more was to be written than may be.</summary>
    public bool IsFull { get; private set; }

    /// <summary>What was written.</summary>
    public ReadOnlySpan<byte> Written => buffer.AsSpan(0, Length);

    /// <summary>The same, for those who await.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => buffer.AsMemory(0, Length);

    /// <summary>Room for so many bytes; see <see cref="Advance"/>.</summary>
    public Span<byte> Reserve(int size)
    {
        if (buffer.Length - Length < size)
        {
            Grow(size);
        }
        return buffer.AsSpan(Length);
    }

    /// <inheritdoc/>
    public void Advance(int count)
    {
        if (Length + count > maxBytes)
        {
            IsFull = true;
            return;
        }
        Length += count;
    }

    /// <summary>Writes one byte.</summary>
    public void Write(byte one)
    {
        Reserve(1)[0] = one;
        Advance(1);
    }

    /// <summary>Writes bytes as they are.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (IsFull || bytes.Length > maxBytes - Length)
        {
            IsFull = true;
            return;
        }
        bytes.CopyTo(Reserve(bytes.Length));
        Length += bytes.Length;
    }

    /// <summary>Takes back what was written behind a place.</summary>
    public void Truncate(int length) => Length = length;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = [];
        }
    }

    Memory<byte> IBufferWriter<byte>.GetMemory(int sizeHint)
    {
        _ = Reserve(Math.Max(1, sizeHint));
        return buffer.AsMemory(Length);
    }

    Span<byte> IBufferWriter<byte>.GetSpan(int sizeHint) => Reserve(Math.Max(1, sizeHint));

    private void Grow(int size)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(buffer.Length * 2, Length + size));
        buffer.AsSpan(0, Length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = larger;
    }
}
