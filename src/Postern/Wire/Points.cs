namespace Postern.Wire;

/// <summary>
/// Points between 0 and 1, the n-th at n·φ (mod 1): wherever one begins to count, each part of the line gets its share of them to a
/// few in ten thousand, where chance alone strays by a hundred. Two that choose for the same requests each take another number for φ:
/// with the same one, where the one points would say where the other does, and half of all targets would meet half of all destinations.
/// </summary>
internal static class Points
{
    /// <summary>φ, √2 and √3, less their whole parts, in parts of 2³². No sum of multiples of them is whole.</summary>
    public const uint Golden = 2654435769, RootOfTwo = 1779033703, RootOfThree = 3144134277;

    /// <summary>The point of that number.</summary>
    public static double Of(uint number, uint step = Golden) => unchecked(number * step) / 4294967296.0;
}
