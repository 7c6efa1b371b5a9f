using System.Buffers;

namespace Postern.Transforms.Trimming;

/// <summary>What of one piece is kept: bytes that stand side by side are written at once.</summary>
internal ref struct Run(ReadOnlySpan<byte> json, IBufferWriter<byte> output)
{
    private int from, to;

    /// <summary>The piece.</summary>
    public readonly ReadOnlySpan<byte> Json = json;

    /// <summary>Keeps what stands there; it comes after all that was kept before.</summary>
    public void Keep(int start, int end)
    {
        if (start != to)
        {
            Flush();
            from = start;
        }
        to = end;
    }

    /// <summary>Writes what doesn't stand in the piece.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        Flush();
        output.Write(bytes);
    }

    /// <summary>Writes what was kept so far.</summary>
    public void Flush()
    {
        if (to > from)
        {
            output.Write(Json[from..to]);
        }
        from = to;
    }
}
