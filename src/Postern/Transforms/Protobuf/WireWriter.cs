using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Postern.Transforms.Protobuf;

/// <summary>
/// Writes protobuf's wire format into one array. A length stands before what it measures, and is known after it: room for a short one
/// is left, and what follows is moved up where it turns out longer.
/// </summary>
internal sealed class WireWriter : IDisposable
{
    private byte[] buffer = ArrayPool<byte>.Shared.Rent(256);

    /// <summary>How many bytes there are.</summary>
    public int Length { get; private set; }

    /// <summary>What was written, valid until more is.</summary>
    public ReadOnlySpan<byte> Written => buffer.AsSpan(0, Length);

    /// <summary>Leaves room for bytes that are written later.</summary>
    public Span<byte> Reserve(int count)
    {
        if (buffer.Length - Length < count)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(buffer.Length * 2, Length + count));
            Written.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = larger;
        }
        Length += count;
        return buffer.AsSpan(Length - count, count);
    }

    public void Tag(int number, WireType type) => Varint(((ulong)(uint)number << 3) | (ulong)type);

    public void Varint(ulong value)
    {
        Span<byte> bytes = stackalloc byte[10];
        var count = Encode(value, bytes);
        bytes[..count].CopyTo(Reserve(count));
    }

    public void Fixed32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Reserve(4), value);

    public void Fixed64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Reserve(8), value);

    public void Bytes(ReadOnlySpan<byte> bytes)
    {
        Varint((ulong)bytes.Length);
        bytes.CopyTo(Reserve(bytes.Length));
    }

    /// <summary>A text without unpaired surrogates.</summary>
    public void Text(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        Varint((ulong)length);
        Encoding.UTF8.GetBytes(text, Reserve(length));
    }

    /// <summary>Begins what a length stands before; <see cref="End"/> takes what this gives.</summary>
    public int Begin()
    {
        Reserve(1);
        return Length;
    }

    /// <summary>Ends what began there.</summary>
    public void End(int start)
    {
        Span<byte> bytes = stackalloc byte[10];
        var length = Length - start;
        var count = Encode((ulong)length, bytes);
        if (count > 1)
        {
            Reserve(count - 1);
            buffer.AsSpan(start, length).CopyTo(buffer.AsSpan(start + count - 1));
        }
        bytes[..count].CopyTo(buffer.AsSpan(start - 1));
    }

    /// <summary>Takes back all that was written from there on.</summary>
    public void Rewind(int length) => Length = length;

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = [];
    }

    /// <summary>A number of which small negative values stay short.</summary>
    public static ulong ZigZag(long value) => (ulong)((value << 1) ^ (value >> 63));

    private static int Encode(ulong value, Span<byte> bytes)
    {
        var count = 0;
        for (; value >= 0x80; value >>= 7)
        {
            bytes[count++] = (byte)(value | 0x80);
        }
        bytes[count++] = (byte)value;
        return count;
    }
}
