using System.Buffers;

namespace Postern.Transforms.Trimming;

/// <summary>What of one piece is kept: bytes that stand side by side are copied at once.</summary>
internal ref struct Run(ReadOnlySpan<byte> json, IBufferWriter<byte> output)
{
    private Span<byte> room;
    private int used, from, to;

    /// <summary>The piece.</summary>
    public readonly ReadOnlySpan<byte> Json = json;

    /// <summary>Keeps what stands there; it comes after all that was kept before.</summary>
    public void Keep(int start, int end)
    {
        if (start != to)
        {
            Copy(Json[from..to]);
            from = start;
        }
        to = end;
    }

    /// <summary>Writes what doesn't stand in the piece.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        Copy(Json[from..to]);
        from = to;
        Copy(bytes);
    }

    /// <summary>Hands over what was kept and written.</summary>
    public void End()
    {
        Copy(Json[from..to]);
        output.Advance(used);
        room = default;
        (used, from) = (0, to);
    }

    private void Copy(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > room.Length - used)
        {
            output.Advance(used);
            used = 0;
            // Rarely is more left than came.
            room = output.GetSpan(Math.Max(bytes.Length, Json.Length - from));
        }
        bytes.CopyTo(room[used..]);
        used += bytes.Length;
    }
}
