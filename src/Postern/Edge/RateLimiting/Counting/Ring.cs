namespace Postern.Edge.RateLimiting.Counting;

/// <summary>Times in ascending order: the oldest leave at one end, new ones come at the other.</summary>
internal sealed class Ring(int room)
{
    private long[] times = new long[room];
    private int head;

    public int Count { get; private set; }

    /// <summary>How many it can hold.</summary>
    public int Room => times.Length;

    /// <summary>A time; 0 is the oldest.</summary>
    public long this[int index] => times[Slot(index)];

    /// <summary>How many are not after a moment.</summary>
    public int CountUntil(long moment)
    {
        var (low, high) = (0, Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = this[middle] <= moment ? (middle + 1, high) : (low, middle);
        }
        return low;
    }

    public void DropOldest(int count)
    {
        head = Slot(count);
        Count -= count;
    }

    public void Append(long time, int copies)
    {
        for (var i = 0; i < copies; i++)
        {
            times[Slot(Count++)] = time;
        }
    }

    public void Enlarge(int to)
    {
        var wider = new long[to];
        for (var i = 0; i < Count; i++)
        {
            wider[i] = this[i];
        }
        (times, head) = (wider, 0);
    }

    private int Slot(int index) => head + index is var slot && slot >= times.Length ? slot - times.Length : slot;
}
