namespace Postern.Wire;

/// <summary>A line from 0 to 1 on which each of some weights has its share, in their order; one of weight 0 has none.</summary>
internal sealed class WeightLine
{
    private readonly double[] upTo;

    /// <param name="weights">None below 0, and one at least above.</param>
    public WeightLine(IReadOnlyList<int> weights)
    {
        Total = weights.Sum(w => (long)w);
        var sum = 0L;
        upTo = [.. weights.Select(w => (sum += w) / (double)Total)];
    }

    /// <summary>The sum of all weights.</summary>
    public long Total { get; }

    /// <summary>Whose share holds a point from 0 to 1.</summary>
    public int At(double point)
    {
        var (low, high) = (0, upTo.Length - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (point < upTo[middle])
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }
        return low;
    }
}
