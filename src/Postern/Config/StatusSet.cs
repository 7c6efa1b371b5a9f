namespace Postern.Config;

/// <summary>Statuses of HTTP, made from what was written to be asked for each answer.</summary>
internal sealed class StatusSet
{
    private readonly bool[] all = new bool[600];

    public StatusSet(IEnumerable<StatusRange> ranges)
    {
        foreach (var range in ranges)
        {
            all.AsSpan(range.From, range.To - range.From + 1).Fill(true);
        }
    }

    /// <summary>Whether it has that status; an upstream may send any number.</summary>
    public bool Has(int status) => (uint)status < (uint)all.Length && all[status];
}
