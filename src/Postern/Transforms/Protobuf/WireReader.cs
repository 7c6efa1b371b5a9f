using System.Buffers.Binary;

namespace Postern.Transforms.Protobuf;

/// <summary>How a value stands on the wire.</summary>
internal enum WireType
{
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    StartGroup = 3,
    EndGroup = 4,
    Fixed32 = 5,
}

/// <summary>Reads protobuf's wire format. What is malformed is false, never an exception; nothing is read beyond the end.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> bytes)
{
    /// <summary>As deep as groups may nest that nobody knows.</summary>
    private const int MostGroups = 64;

    private readonly ReadOnlySpan<byte> bytes = bytes;

    /// <summary>Where the next byte is.</summary>
    public int Position { get; private set; }

    public readonly bool AtEnd => Position == bytes.Length;

    /// <summary>A field's number and the type of what follows.</summary>
    public bool Tag(out int number, out WireType type)
    {
        (number, type) = (0, default);
        if (!Varint(out var tag) || tag > uint.MaxValue)
        {
            return false;
        }
        (number, type) = ((int)(tag >> 3), (WireType)(tag & 7));
        return number > 0 && type <= WireType.Fixed32;
    }

    public bool Varint(out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (Position == bytes.Length)
            {
                return false;
            }
            var b = bytes[Position++];
            // What stands above 64 bits is dropped, as everybody does.
            value |= shift == 63 ? (ulong)(b & 1) << 63 : (ulong)(b & 0x7f) << shift;
            if (b < 0x80)
            {
                return true;
            }
        }
        return false;
    }

    public bool Fixed32(out uint value)
    {
        if (bytes.Length - Position < 4)
        {
            value = 0;
            return false;
        }
        value = BinaryPrimitives.ReadUInt32LittleEndian(bytes[Position..]);
        Position += 4;
        return true;
    }

    public bool Fixed64(out ulong value)
    {
        if (bytes.Length - Position < 8)
        {
            value = 0;
            return false;
        }
        value = BinaryPrimitives.ReadUInt64LittleEndian(bytes[Position..]);
        Position += 8;
        return true;
    }

    /// <summary>What a length stands before.</summary>
    public bool Bytes(out ReadOnlySpan<byte> value)
    {
        if (!Varint(out var length) || length > (ulong)(bytes.Length - Position))
        {
            value = default;
            return false;
        }
        value = bytes.Slice(Position, (int)length);
        Position += (int)length;
        return true;
    }

    /// <summary>A value whose tag has been read: a number as its bits, everything else as bytes.</summary>
    public bool Value(int number, WireType type, out ulong bits, out ReadOnlySpan<byte> value)
    {
        bits = 0;
        value = default;
        switch (type)
        {
            case WireType.Varint:
                return Varint(out bits);
            case WireType.Fixed64:
                return Fixed64(out bits);
            case WireType.Fixed32:
                var isOne = Fixed32(out var half);
                bits = half;
                return isOne;
            case WireType.Bytes:
                return Bytes(out value);
            default:
                return type == WireType.StartGroup && Group(number, out value);
        }
    }

    /// <summary>What stands between a group's start, which has been read, and its end, which is read too.</summary>
    public bool Group(int number, out ReadOnlySpan<byte> value)
    {
        var start = Position;
        value = default;
        while (true)
        {
            var before = Position;
            if (!Tag(out var inner, out var type))
            {
                return false;
            }
            if (type == WireType.EndGroup)
            {
                value = bytes[start..before];
                return inner == number;
            }
            if (!Skip(inner, type))
            {
                return false;
            }
        }
    }

    /// <summary>Passes over a value whose tag has been read.</summary>
    public bool Skip(int number, WireType type)
    {
        Span<int> open = stackalloc int[MostGroups];
        for (var depth = 0; ;)
        {
            switch (type)
            {
                case WireType.Varint when !Varint(out _):
                case WireType.Fixed32 when !Fixed32(out _):
                case WireType.Fixed64 when !Fixed64(out _):
                case WireType.Bytes when !Bytes(out _):
                case WireType.StartGroup when depth == MostGroups:
                case WireType.EndGroup when depth == 0 || open[depth - 1] != number:
                    return false;
                case WireType.StartGroup:
                    open[depth++] = number;
                    break;
                case WireType.EndGroup:
                    depth--;
                    break;
            }
            if (depth == 0)
            {
                return true;
            }
            if (!Tag(out number, out type))
            {
                return false;
            }
        }
    }

    /// <summary>The number that a zigzag varint stands for.</summary>
    public static long ZigZag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);
}
