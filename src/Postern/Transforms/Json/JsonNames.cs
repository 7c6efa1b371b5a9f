using System.Buffers;
using System.Buffers.Binary;

namespace Postern.Transforms.Json;

/// <summary>Names of objects are compared by what they mean: <c>"a"</c> and <c>"\u0061"</c> are one.</summary>
internal static class JsonNames
{
    /// <summary>Up to so many names each is compared with each.</summary>
    private const int Few = 16;

    /// <summary>The same for names that mean the same; mostly another for others.</summary>
    public static int Fingerprint(ReadOnlySpan<byte> name, bool escaped)
    {
        if (escaped)
        {
            return Fingerprint(JsonStrings.Utf8(name), escaped: false);
        }
        return name.Length >= sizeof(int) ? BinaryPrimitives.ReadInt32LittleEndian(name) ^ (BinaryPrimitives.ReadInt32LittleEndian(name[^sizeof(int)..]) * 31) ^ (name.Length << 24)
            : name.Length > 0 ? (name.Length << 24) ^ (name[0] << 16) ^ (name[name.Length / 2] << 8) ^ name[^1] : 0;
    }

    /// <summary>Whether the name, in its quotes, is this one.</summary>
    public static bool Is(ReadOnlySpan<byte> quoted, bool escaped, ReadOnlySpan<byte> name)
    {
        var bare = quoted[1..^1];
        return escaped ? JsonStrings.Utf8(bare).AsSpan().SequenceEqual(name) : bare.SequenceEqual(name);
    }

    /// <summary>Whether an object that has just ended has a name twice.</summary>
    public static bool HasTwice(ReadOnlySpan<byte> text, JsonToken[] tokens, int index)
    {
        var count = tokens[index].Count;
        if (count > Few)
        {
            return ManyHaveTwice(text, tokens, index);
        }
        Span<int> prints = stackalloc int[Few];
        Span<int> seen = stackalloc int[Few];
        for (int i = 0, at = index + 1; i < count; i++, at = tokens[at + 1].Next)
        {
            ref readonly var name = ref tokens[at];
            // Each comparison would have to decode it.
            if (name.Escaped && count > 2)
            {
                return ManyHaveTwice(text, tokens, index);
            }
            for (var j = prints[..i].IndexOf(name.Next); j >= 0 && j < i; j++)
            {
                if (prints[j] == name.Next && AreSame(text, in tokens[seen[j]], in name))
                {
                    return true;
                }
            }
            (prints[i], seen[i]) = (name.Next, at);
        }
        return false;
    }

    /// <summary>By a table, with a hash nobody outside can foresee: an upstream must not be able to make every name meet every other.</summary>
    private static bool ManyHaveTwice(ReadOnlySpan<byte> text, JsonToken[] tokens, int index)
    {
        var count = tokens[index].Count;
        var size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)count * 2);
        var table = ArrayPool<int>.Shared.Rent(size);
        table.AsSpan(0, size).Clear();
        var twice = false;
        for (int i = 0, at = index + 1; i < count && !twice; i++, at = tokens[at + 1].Next)
        {
            var slot = Hash(text, in tokens[at]) & (size - 1);
            while (table[slot] != 0 && !twice)
            {
                ref var other = ref tokens[table[slot]];
                twice = other.Next == tokens[at].Next && AreSame(text, in other, in tokens[at]);
                slot = (slot + 1) & (size - 1);
            }
            table[slot] = at;
        }
        ArrayPool<int>.Shared.Return(table);
        return twice;
    }

    private static int Hash(ReadOnlySpan<byte> text, in JsonToken name)
    {
        var bare = text[(name.Start + 1)..(name.End - 1)];
        var hash = default(HashCode);
        hash.AddBytes(name.Escaped ? JsonStrings.Utf8(bare) : bare);
        return hash.ToHashCode();
    }

    private static bool AreSame(ReadOnlySpan<byte> text, in JsonToken a, in JsonToken b)
    {
        var (first, second) = (a, b);
        if (first.Escaped)
        {
            (first, second) = (second, first);
        }
        var bare = text[(first.Start + 1)..(first.End - 1)];
        return Is(text[second.Start..second.End], second.Escaped, first.Escaped ? JsonStrings.Utf8(bare) : bare);
    }
}
