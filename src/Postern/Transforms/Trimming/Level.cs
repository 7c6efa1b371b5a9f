namespace Postern.Transforms.Trimming;

/// <summary>What becomes of a field that a path names.</summary>
internal enum Fate : byte
{
    /// <summary>It goes, with all that is in it.</summary>
    Dropped,
    /// <summary>It stays as it is, but for its name.</summary>
    Kept,
    /// <summary>What is in it is looked at.</summary>
    Entered,
}

/// <summary>One field that paths name, in one place.</summary>
/// <param name="Name">Its name in the upstream's answer, as UTF-8.</param>
/// <param name="Fate">What becomes of it.</param>
/// <param name="Written">Its new name as JSON, with quotes; null to leave it.</param>
/// <param name="Below">What holds for what is in it, where that is looked at.</param>
internal sealed record Step(byte[] Name, Fate Fate, byte[]? Written = null, Level? Below = null)
{
    /// <summary>Its number among those of its level.</summary>
    public int Index { get; set; }
}

/// <summary>What holds for the fields of an object in one place, or of each object of a list there.</summary>
internal sealed class Level
{
    private readonly Step?[] table;
    private readonly int[] next;
    private readonly Step[] steps;
    private readonly ulong lengths;

    /// <param name="steps">The fields that paths name.</param>
    /// <param name="picks">Whether only they stay.</param>
    public Level(Step[] steps, bool picks)
    {
        (this.steps, Picks) = (steps, picks);
        table = new Step?[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, steps.Length * 2))];
        next = new int[steps.Length];
        for (var i = 0; i < steps.Length; i++)
        {
            var step = steps[i];
            ref var place = ref table[Place(step.Name)];
            (step.Index, next[i], place) = (i, place?.Index ?? -1, step);
            lengths |= Length(step.Name);
            MostBytes = Math.Max(MostBytes, step.Name.Length);
        }
    }

    /// <summary>Whether only what is named stays.</summary>
    public bool Picks { get; }

    /// <summary>How many fields are named.</summary>
    public int Count => steps.Length;

    /// <summary>The length of the longest name.</summary>
    public int MostBytes { get; }

    /// <summary>What becomes of a field; null where no path names it.</summary>
    public Step? Find(ReadOnlySpan<byte> name)
    {
        if ((lengths & Length(name)) == 0)
        {
            return null;
        }
        for (var step = table[Place(name)]; step is not null; step = next[step.Index] < 0 ? null : steps[next[step.Index]])
        {
            if (name.SequenceEqual(step.Name))
            {
                return step;
            }
        }
        return null;
    }

    private static ulong Length(ReadOnlySpan<byte> name) => 1UL << Math.Min(name.Length, 63);

    private int Place(ReadOnlySpan<byte> name) =>
        name.Length == 0 ? 0 : ((name.Length * 31) + (name[0] * 7) + name[^1]) & (table.Length - 1);
}
