using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Bench;

/// <summary>The run as a page of Markdown: every number the median of its rounds.</summary>
internal static class Report
{
    private const string Yardstick = "nginx";

    public static void Write(StringBuilder text, Run run, IReadOnlyList<Contestant> asked)
    {
        foreach (var workload in Workload.All)
        {
            Table(text, run, asked, workload);
        }
        Standing(text, run, asked);
    }

    /// <summary>What went wrong in any round, one line each.</summary>
    public static IEnumerable<string> Errors(Run run) =>
        from entry in run.Rounds
        from round in entry.Value
        where round.Seen.Errors is not null
        select $"{entry.Key.Gateway}, {entry.Key.Workload.Title}: {round.Seen.Errors}";

    /// <summary>What it was measured on, how long and how often.</summary>
    public static async Task MachineAsync(StringBuilder text, IReadOnlyList<Contestant> asked, Plan plan)
    {
        var processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown processor";
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1L << 30);
        var versions = new List<string>();
        foreach (var contestant in asked.Where(c => c.Installed))
        {
            versions.Add($"{contestant.Name} {await Shell.VersionAsync(contestant.Version)}");
        }
        Line(text, $"{TimeProvider.System.GetUtcNow():yyyy-MM-dd}, {Environment.MachineName}: {processor}, {Environment.ProcessorCount} cores, {memory} GB, {RuntimeInformation.OSDescription}, kernel {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}.");
        Line(text, $"{string.Join(", ", versions)}{(versions.Count > 0 ? "; " : "")}.NET {Environment.Version}.");
        Line(text, $"{plan.Rounds} interleaved {(plan.Rounds == 1 ? "round" : "rounds")} of {plan.Seconds:0} s after {plan.WarmUp:0} s of warm-up; medians. Load, gateway and backend share the machine.");
    }

    private static void Table(StringBuilder text, Run run, IReadOnlyList<Contestant> asked, Workload workload)
    {
        Line(text, $"\n### {workload.Title}\n");
        Line(text, workload.Rate > 0
            ? "| gateway | requests/s | CPU µs/request | × nginx | p50 | p99 | added p50 | added p99 | RSS |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
            : $"| gateway | requests/s | CPU µs/request | × nginx | p50 | p99 | RSS |\n|---|--:|--:|--:|--:|--:|--:|");
        var direct = run.Rounds.GetValueOrDefault((Run.Direct, workload)) ?? [];
        foreach (var name in asked.Select(c => c.Name).Prepend(Run.Direct))
        {
            if (!run.Rounds.TryGetValue((name, workload), out var rounds))
            {
                Line(text, $"| {name} | not installed |");
                continue;
            }
            var (p50, p99) = (Median(rounds, r => r.Seen.P50), Median(rounds, r => r.Seen.P99));
            var isDirect = name == Run.Direct;
            var added = workload.Rate == 0 ? "" : isDirect ? " | |" : $" {Time(p50 - Median(direct, r => r.Seen.P50))} | {Time(p99 - Median(direct, r => r.Seen.P99))} |";
            var cost = isDirect ? " | |" : $" {Median(rounds, r => r.Cost):0.0} | {Ratio(run, workload, rounds)} |";
            Line(text, $"| {name} | {Median(rounds, r => r.Seen.RequestsPerSecond):#,0} |{cost} {Time(p50)} | {Time(p99)} |{added} {(isDirect ? "" : Megabytes(Median(rounds, r => r.ResidentBytes)))} |");
        }
    }

    private static void Standing(StringBuilder text, Run run, IReadOnlyList<Contestant> asked)
    {
        var crowd = Workload.All.First(w => w.Connections == 1000);
        Line(text, "\n### Start and memory\n\n| gateway | start to first answer | RSS at 1,000 connections, at most |\n|---|--:|--:|");
        foreach (var contestant in asked)
        {
            Line(text, run.Starts.TryGetValue(contestant.Name, out var starts)
                ? $"| {contestant.Name} | {starts.Order().ElementAt(starts.Count / 2):0} ms | {Megabytes(run.Rounds[(contestant.Name, crowd)].Max(r => r.ResidentBytes))} |"
                : $"| {contestant.Name} | not installed | |");
        }
    }

    /// <summary>The median of the ratios, each between neighbours in time.</summary>
    private static string Ratio(Run run, Workload workload, List<Round> rounds) => run.Rounds.TryGetValue((Yardstick, workload), out var others)
        ? Median([.. rounds.Zip(others)], pair => pair.First.Cost / pair.Second.Cost).ToString("0.00", CultureInfo.InvariantCulture)
        : "";

    public static double Median<T>(IReadOnlyList<T> rounds, Func<T, double> value)
    {
        double[] sorted = [.. rounds.Select(value).Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }

    public static string Time(double microseconds) =>
        Math.Abs(microseconds) < 1000 ? Text($"{microseconds:0} µs") : Text($"{microseconds / 1000:0.00} ms");

    private static string Megabytes(double bytes) => Text($"{bytes / (1 << 20):0} MB");

    private static string Text(FormattableString text) => FormattableString.Invariant(text);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(FormattableString.Invariant(line)).Append('\n');

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');
}
