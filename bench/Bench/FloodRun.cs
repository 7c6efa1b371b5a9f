using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Bench;

/// <summary>
/// What a flood on one gate does to another, on one Postern: a fixed rate of requests to the web gate, alone and while hundreds of
/// clients ask the mobile gate for more than it may have in progress, each again the moment it is answered. Then what a refusal
/// costs: the flood alone, beside as many clients that are served. All kinds of round take turns, and each is compared with its
/// neighbours.
/// </summary>
internal sealed partial class FloodRun
{
    private const int Clients = 400;
    private const int Rate = 2000;
    private const int Ahead = 1;

    private readonly Plan plan;
    private readonly int count;
    private readonly Place place;
    private readonly SlowBackend slow = new(TimeSpan.FromMilliseconds(500));
    private readonly Contestant contestant;
    private readonly Workload web = new($"web, {Rate:#,0} requests a second", "/web/", 8, Rate);
    private readonly Workload served = new("web, as many clients", "/web/", Clients, 4 * Clients);
    private readonly List<Comparison> rounds = [];

    public FloodRun(Plan plan, Place place, string postern)
    {
        (this.plan, this.place) = (plan, place);
        count = 2 * plan.Rounds - 1;
        contestant = new Contestant("postern-flood", "flood.yaml", [Path.Combine(postern, "postern"), "run", "--config", "@CONFIG@"], [Path.Combine(postern, "postern"), "--version"])
        {
            Values = new Dictionary<string, string> { ["@SLOW@"] = $"{slow.Port}" },
        };
    }

    public async Task MeasureAsync(CancellationToken stop)
    {
        Console.Error.WriteLine("bench: flood");
        using (slow)
        {
            await using var backend = await Contestant.Backend.StartAsync(place, 0);
            await using var server = await contestant.StartAsync(place, backend.Port);
            await web.ExpectAsync(server.Port);
            await web.RunAsync(server.Port, plan.WarmUp, place);
            await FloodAsync(server, plan.WarmUp);
            for (var round = 0; round < count; round++)
            {
                stop.ThrowIfCancellationRequested();
                var quiet = await Round.MeasureAsync(server, web, plan.Seconds, place);
                stop.ThrowIfCancellationRequested();
                var flooding = FloodAsync(server, plan.Seconds + 2 * Ahead);
                await Task.Delay(TimeSpan.FromSeconds(Ahead), stop);
                var flooded = await Round.MeasureAsync(server, web, plan.Seconds, place);
                await flooding;
                stop.ThrowIfCancellationRequested();
                var crowd = await Round.MeasureAsync(server, served, plan.Seconds, place);
                stop.ThrowIfCancellationRequested();
                rounds.Add(new Comparison(quiet, flooded, crowd, await FloodAsync(server, plan.Seconds)));
            }
        }
    }

    /// <summary>What went wrong in any round, one line each.</summary>
    public IEnumerable<string> Errors() => rounds
        .SelectMany(r => new[] { r.Quiet.Seen.Errors, r.Flooded.Seen.Errors, r.Served.Seen.Errors })
        .OfType<string>()
        .Select(e => $"flood, {web.Title}: {e}");

    public string Report()
    {
        var text = new StringBuilder();
        Line(text, $"\n### A flood on one gate\n\nOne Postern, two gates with upstreams of their own. Web: {Rate:#,0} requests a second over 8 connections. Mobile: at most 50 in progress, its upstream takes 500 ms, {Clients} clients ask again at once. {(count == 1 ? "1 round" : $"{count} rounds")} of each.\n");
        Line(text, $"| web | requests/s | of them 200 | p50 | p99 |\n|---|--:|--:|--:|--:|");
        Row("while mobile is quiet", r => r.Quiet);
        Row("while mobile is flooded", r => r.Flooded);
        Line(text, $"\n- The p99 under the flood is {Median(r => r.Flooded.Seen.P99 / r.Quiet.Seen.P99):0.00} of the quiet one's (aim: at most 2).");
        Line(text, $"- Mobile alone served {Median(r => r.Flood.Served):0} and refused {Median(r => r.Flood.Refused):#,0} requests a second; a refusal took {Bench.Report.Time(Median(r => r.Flood.P50))} (p50).");
        Line(text, $"- A refusal takes {Median(r => r.Refusing):0.0} µs of CPU, a request that is served to one of as many clients {Median(r => r.Served.Cost):0.0} µs: {100 * Median(r => r.Refusing / r.Served.Cost):0} % (aim: under 100).");
        return text.ToString();

        void Row(string name, Func<Comparison, Round> which) =>
            Line(text, $"| {name} | {Median(r => which(r).Seen.RequestsPerSecond):#,0} | {100 - 100 * rounds.Sum(r => Failed(which(r))) / rounds.Sum(r => which(r).Seen.Requests):0.###} % | {Bench.Report.Time(Median(r => which(r).Seen.P50))} | {Bench.Report.Time(Median(r => which(r).Seen.P99))} |");
    }

    private static double Failed(Round round) => round.Seen.Errors is { } errors ? double.Parse(errors.Split(' ')[0], CultureInfo.InvariantCulture) : 0;

    private double Median(Func<Comparison, double> value) => Bench.Report.Median(rounds, value);

    private static async Task<Flood> FloodAsync(RunningServer server, double seconds)
    {
        var before = server.CpuMicroseconds();
        var whole = Math.Ceiling(seconds);
        var text = await Shell.RunAsync("wrk", "-t1", $"-c{Clients}", $"-d{whole}s", "--latency", "--timeout", "5s", $"http://127.0.0.1:{server.Port}/mobile/");
        var (all, refused, p50) = (Total().Match(text), Refusals().Match(text), Middle().Match(text));
        if (!all.Success || !refused.Success)
        {
            throw new BenchException($"The flood was not refused:\n{text}");
        }
        var (answers, past) = (Number(all), Number(refused));
        return new Flood(whole, (answers - past) / whole, past / whole, Number(p50) * (p50.Groups[2].Value switch { "us" => 1, "ms" => 1e3, _ => 1e6 }), server.CpuMicroseconds() - before);
    }

    private static double Number(Match match) => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(FormattableString.Invariant(line)).Append('\n');

    /// <summary>Rounds that stand beside each other.</summary>
    private sealed record Comparison(Round Quiet, Round Flooded, Round Served, Flood Flood)
    {
        /// <summary>What a refusal costs: all that the flood did, but for the few that were served.</summary>
        public double Refusing => (Flood.CpuMicroseconds - Served.Cost * Flood.Served * Flood.Seconds) / Math.Max(1, Flood.Refused * Flood.Seconds);
    }

    /// <summary>What the flood got, a second, and what Postern spent on everything while it lasted.</summary>
    private sealed record Flood(double Seconds, double Served, double Refused, double P50, double CpuMicroseconds);

    [GeneratedRegex(@"(\d+) requests in ")]
    private static partial Regex Total();

    [GeneratedRegex(@"Non-2xx or 3xx responses: (\d+)")]
    private static partial Regex Refusals();

    [GeneratedRegex(@"^\s+50%\s+([\d.]+)(us|ms|s)", RegexOptions.Multiline)]
    private static partial Regex Middle();
}
