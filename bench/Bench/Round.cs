namespace Bench;

/// <summary>One round of one workload on one gateway.</summary>
internal sealed record Round(Seen Seen, double CpuMicroseconds, long ResidentBytes, double BesideMicroseconds = 0)
{
    /// <summary>What a request cost.</summary>
    public double Cost => CpuMicroseconds / Math.Max(1, Seen.Requests);

    /// <summary>What it cost the server that the gateway asks.</summary>
    public double BesideCost => BesideMicroseconds / Math.Max(1, Seen.Requests);

    public static async Task<Round> MeasureAsync(RunningServer server, Workload workload, double seconds, Place place, RunningServer? beside = null)
    {
        var (before, besideBefore) = (server.CpuMicroseconds(), beside?.CpuMicroseconds() ?? 0);
        var seeing = workload.RunAsync(server.Port, seconds, place);
        var resident = server.ResidentBytes();
        while (await Task.WhenAny(seeing, Task.Delay(250)) != seeing)
        {
            resident = Math.Max(resident, server.ResidentBytes());
        }
        var seen = await seeing;
        return new Round(seen, server.CpuMicroseconds() - before, resident, (beside?.CpuMicroseconds() ?? 0) - besideBefore);
    }
}
