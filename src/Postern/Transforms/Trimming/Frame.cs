namespace Postern.Transforms.Trimming;

/// <summary>An object or a list in which the paths are followed.</summary>
internal sealed class Frame
{
    private ulong[] seen = [0];

    public Level Level { get; private set; } = null!;

    /// <summary>Whether something of it has been written.</summary>
    public bool Wrote { get; set; }

    public void Begin(Level level)
    {
        (Level, Wrote) = (level, false);
        if (seen.Length * 64 < level.Count)
        {
            seen = new ulong[(level.Count + 63) / 64];
        }
        Array.Clear(seen);
    }

    /// <summary>Notes that a field came; false where it has come before.</summary>
    public bool Take(int index)
    {
        ref var word = ref seen[index / 64];
        var bit = 1UL << (index % 64);
        var first = (word & bit) == 0;
        word |= bit;
        return first;
    }
}
