using System.Globalization;

namespace Postern.Config;

/// <summary>A number of bytes, written <c>512B</c>, <c>64KB</c>, <c>10MB</c>, <c>5GB</c>; a step is 1,024.</summary>
public readonly record struct ByteSize(long Bytes) : IComparable<ByteSize>
{
    private static readonly (string Unit, long Factor)[] Units = [("GB", 1L << 30), ("MB", 1L << 20), ("KB", 1L << 10), ("B", 1)];

    /// <summary>Reads <c>10MB</c>; false for anything else, a bare number but 0 among it: its unit would be a guess.
    /// More than a <see cref="long"/> holds becomes the largest there is.</summary>
    public static bool TryParse(string text, out ByteSize size)
    {
        size = default;
        foreach (var (unit, factor) in Units)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal))
            {
                if (!Scalars.TryNumber(text.AsSpan(0, text.Length - unit.Length), out var number) || (factor == 1 && number % 1 != 0))
                {
                    return false;
                }
                size = new ByteSize(number > long.MaxValue / factor ? long.MaxValue : (long)(number * factor));
                return true;
            }
        }
        return text == "0";
    }

    /// <summary>A plain number of bytes is a size.</summary>
    public static implicit operator ByteSize(long bytes) => new(bytes);

    /// <inheritdoc/>
    public int CompareTo(ByteSize other) => Bytes.CompareTo(other.Bytes);

    /// <summary>The shortest exact way to write it: <c>64KB</c>.</summary>
    public override string ToString()
    {
        foreach (var (unit, factor) in Units)
        {
            if (Bytes >= factor && Bytes % factor == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{Bytes / factor}{unit}");
            }
        }
        return "0";
    }
}
