using System.Globalization;
using System.Text;

namespace Bench;

/// <summary>
/// What an upstream that hangs does to seven others behind the same Postern: each of the seven gets its share of a fixed rate, alone
/// and while five times as many clients as the eighth may have calls wait for it.
/// </summary>
internal sealed class Neighbours(Plan plan, Place place)
{
    private const int Others = 7, Rate = 2000, Connections = 8;
    private const int Capacity = 64, Clients = 5 * Capacity, PerClient = 1, Groups = 16;

    private readonly List<Comparison> rounds = [];

    public async Task MeasureAsync(RunningServer server, int count, CancellationToken stop)
    {
        await AskAsync(server, plan.WarmUp);
        for (var round = 0; round < count; round++)
        {
            stop.ThrowIfCancellationRequested();
            var quiet = await AskAsync(server, plan.Seconds);
            stop.ThrowIfCancellationRequested();
            var flooding = FloodAsync(server, stop);
            await Task.Delay(TimeSpan.FromSeconds(1), stop);
            var flooded = await AskAsync(server, plan.Seconds);
            rounds.Add(new Comparison(quiet, flooded, await flooding));
        }
    }

    /// <summary>What went wrong in any round, one line each.</summary>
    public IEnumerable<string> Errors() => rounds.SelectMany(r => new[] { r.Quiet, r.Flooded }).Where(a => a.Failed > 0)
        .Select(a => $"neighbours: {a.Failed} of {a.Requests} without a 2xx");

    public string Report()
    {
        var text = new StringBuilder();
        Line(text, $"\n### One of eight upstreams hangs\n\n{Rate:#,0} requests a second to seven upstreams over {Connections} connections. The eighth never answers: its calls end after 2 s, at most {Capacity} are in progress, and {Clients} clients ask once a second, as Retry-After tells them, or when they have their answer. {(rounds.Count == 1 ? "1 round" : $"{rounds.Count} rounds")} of each.\n");
        Line(text, $"| the seven | of them 200 | p50 | p99 | RSS, at most |\n|---|--:|--:|--:|--:|");
        Row("while the eighth is quiet", r => r.Quiet);
        Row("while it hangs", r => r.Flooded);
        Line(text, $"\n- The p99 while one hangs is {Median(r => r.Flooded.P99 / r.Quiet.P99):0.00} of the quiet one's (aim: at most 2).");
        Line(text, $"- The eighth's clients got {string.Join(" and ", rounds.SelectMany(r => r.Hanging).GroupBy(s => s.Key).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => FormattableString.Invariant($"{g.Sum(s => s.Value):#,0} × {g.Key}")))}.");
        return text.ToString();

        void Row(string name, Func<Comparison, Asked> which) =>
            Line(text, $"| {name} | {100 - 100.0 * rounds.Sum(r => which(r).Failed) / rounds.Sum(r => which(r).Requests):0.###} % | {Bench.Report.Time(Median(r => which(r).P50))} | {Bench.Report.Time(Median(r => which(r).P99))} | {rounds.Max(r => which(r).ResidentBytes) >> 20} MB |");
    }

    private double Median(Func<Comparison, double> value) => Bench.Report.Median(rounds, value);

    private async Task<Asked> AskAsync(RunningServer server, double seconds)
    {
        var asking = LoadAsync("others", server, seconds, Connections, Rate / Connections, [.. Enumerable.Range(1, Others).Select(i => $"/to/up{i}/")]);
        var resident = server.ResidentBytes();
        while (await Task.WhenAny(asking, Task.Delay(250)) != asking)
        {
            resident = Math.Max(resident, server.ResidentBytes());
        }
        var (times, statuses) = await asking;
        times.Sort();
        return new Asked(times.Count, times.Count - statuses.GetValueOrDefault("200"), times[times.Count / 2], times[times.Count * 99 / 100], resident);
    }

    /// <summary>The clients of one process ask all at the same moment, which those of a service don't: so there are several, each a moment after the other.</summary>
    private async Task<Dictionary<string, int>> FloodAsync(RunningServer server, CancellationToken stop)
    {
        var groups = new List<Task<(List<double> Times, Dictionary<string, int> Statuses)>>();
        for (var i = 0; i < Groups; i++)
        {
            groups.Add(LoadAsync($"hanging-{i}", server, plan.Seconds + 2, Clients / Groups, PerClient, ["/to/hanging/"]));
            await Task.Delay(TimeSpan.FromSeconds(1.0 / PerClient / Groups), stop);
        }
        return (await Task.WhenAll(groups)).SelectMany(g => g.Statuses).GroupBy(s => s.Key).ToDictionary(g => g.Key, g => g.Sum(s => s.Value));
    }

    /// <summary>A fixed rate on each connection, its requests to all paths in turn; from h2load's log, how long each took (µs) and how often each status came.</summary>
    private async Task<(List<double> Times, Dictionary<string, int> Statuses)> LoadAsync(string name, RunningServer server, double seconds, int clients, int rate, string[] paths)
    {
        var log = Path.Combine(place.Directory, $"{name}-h2load.log");
        File.Delete(log);
        await Shell.RunAsync(["h2load", "--h1", "-t1", $"-c{clients}", $"-D{Math.Ceiling(seconds)}", $"--rps={rate}", $"--log-file={log}",
            "-H", "User-Agent: bench", "-H", "Accept: application/json", "-H", "Accept-Encoding: gzip", .. paths.Select(p => $"http://127.0.0.1:{server.Port}{p}")]);
        var (times, statuses) = (new List<double>(), new Dictionary<string, int>());
        await foreach (var line in File.ReadLinesAsync(log))
        {
            var fields = line.Split('\t');
            times.Add(double.Parse(fields[2], CultureInfo.InvariantCulture));
            statuses[fields[1]] = statuses.GetValueOrDefault(fields[1]) + 1;
        }
        return times.Count > 0 ? (times, statuses) : throw new BenchException($"h2load got no answer from {name}");
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(FormattableString.Invariant(line)).Append('\n');

    /// <summary>What the seven got in one round.</summary>
    private sealed record Asked(int Requests, int Failed, double P50, double P99, long ResidentBytes);

    /// <summary>Rounds that stand beside each other, and what the eighth's clients got meanwhile.</summary>
    private sealed record Comparison(Asked Quiet, Asked Flooded, Dictionary<string, int> Hanging);
}
