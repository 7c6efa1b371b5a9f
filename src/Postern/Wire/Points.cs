namespace Postern.Wire;

/// <summary>
/// Points between 0 and 1, the n-th at n·φ (mod 1): wherever one begins to count, each part of the line gets its share of them to a
/// few in ten thousand, where chance alone strays by a hundred.
/// </summary>
internal static class Points
{
    /// <summary>The point of that number.</summary>
    public static double Of(uint number) => unchecked(number * 2654435769u) / 4294967296.0;
}
