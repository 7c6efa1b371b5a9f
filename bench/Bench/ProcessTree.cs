using System.Globalization;

namespace Bench;

/// <summary>What the kernel tells of processes, from /proc.</summary>
internal static class ProcessTree
{
    private static readonly double TickMicroseconds = 1e6 / double.Parse(Shell.RunAsync("getconf", "CLK_TCK").Result, CultureInfo.InvariantCulture);

    /// <summary>A process and its children, at any depth.</summary>
    public static List<int> Of(int root)
    {
        var parents = new Dictionary<int, int>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var id) && Fields(id) is { } fields)
            {
                parents[id] = int.Parse(fields[1], CultureInfo.InvariantCulture);
            }
        }
        var found = new List<int> { root };
        for (var i = 0; i < found.Count; i++)
        {
            found.AddRange(parents.Where(p => p.Value == found[i]).Select(p => p.Key));
        }
        return found;
    }

    /// <summary>utime and stime, of all threads, in whole ticks of the clock (10 ms on most machines).</summary>
    public static double CpuMicroseconds(int id) => Fields(id) is { } fields
        ? (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) * TickMicroseconds
        : 0;

    public static long ResidentBytes(int id)
    {
        try
        {
            var line = File.ReadLines($"/proc/{id}/status").FirstOrDefault(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line.Split(' ', '\t', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
        }
        catch (IOException)
        {
            return 0;
        }
    }

    /// <summary>The fields of stat from the third (state) on: the second, the name, may hold spaces and parentheses.</summary>
    private static string[]? Fields(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null;
        }
    }
}
