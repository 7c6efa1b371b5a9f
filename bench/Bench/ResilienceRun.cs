using System.Globalization;
using System.Text;

namespace Bench;

/// <summary>
/// What health checks, breakers, retries and bulkheads cost while nothing fails: one Postern, the same two destinations behind upstreams
/// with one part of it each, with none, and with all. The difference between all and none is taken between short rounds that stand
/// beside each other, in CPU and in bytes allocated. Then, of eight upstreams, one hangs.
/// </summary>
internal sealed class ResilienceRun
{
    private const int Connections = 32;

    private readonly Plan plan;
    private readonly int count;
    private readonly Place place;
    private readonly Contestant contestant;
    private readonly SlowBackend hanging = new(null);
    private readonly int admin = Contestant.FreePort();
    private readonly Step[] ladder =
    [
        new("nothing", "/to/plain/"),
        new("health checks, active and passive", "/to/health/"),
        new("a breaker, and one for each destination", "/to/breaker/"),
        new("retries, with a time for each try", "/to/retry/"),
        new("a bulkhead", "/to/bulkhead/"),
        new("all of it", "/to/all/"),
    ];
    private readonly List<(Round Plain, Round All)> pairs = [];
    private readonly List<double> plainBytes = [], allBytes = [];
    private readonly Neighbours neighbours;

    public ResilienceRun(Plan plan, Place place, string postern)
    {
        (this.plan, this.place) = (plan, place);
        count = 2 * plan.Rounds - 1;
        neighbours = new Neighbours(plan, place);
        contestant = new Contestant("postern-resilience", "resilience.yaml", [Path.Combine(postern, "postern"), "run", "--config", "@CONFIG@"], [Path.Combine(postern, "postern"), "--version"])
        {
            Values = new Dictionary<string, string> { ["@HANGING@"] = $"{hanging.Port}", ["@ADMIN@"] = $"{admin}" },
        };
    }

    private Step Plain => ladder[0];

    private Step All => ladder[^1];

    public async Task MeasureAsync(CancellationToken stop)
    {
        Console.Error.WriteLine("bench: resilience");
        using (hanging)
        {
            await using var backend = await Contestant.Backend.StartAsync(place, 0);
            await using var server = await contestant.StartAsync(place, backend.Port);
            foreach (var step in ladder)
            {
                stop.ThrowIfCancellationRequested();
                await step.Workload.ExpectAsync(server.Port);
                await step.Workload.RunAsync(server.Port, plan.WarmUp, place);
            }
            for (var round = 0; round < count; round++)
            {
                foreach (var step in ladder)
                {
                    stop.ThrowIfCancellationRequested();
                    step.Rounds.Add(await Round.MeasureAsync(server, step.Workload, plan.Seconds, place));
                }
            }
            for (var round = 0; round < 4 * count; round++)
            {
                stop.ThrowIfCancellationRequested();
                // Whoever goes first has the machine as the other left it.
                var (first, second) = round % 2 == 0 ? (Plain, All) : (All, Plain);
                var one = await ShortAsync(server, first);
                var other = await ShortAsync(server, second);
                pairs.Add(round % 2 == 0 ? (one, other) : (other, one));
            }
            await neighbours.MeasureAsync(server, count, stop);
        }
    }

    /// <summary>What went wrong in any round, one line each.</summary>
    public IEnumerable<string> Errors() => ladder
        .SelectMany(s => s.Rounds).Concat(pairs.SelectMany(p => new[] { p.Plain, p.All }))
        .Select(r => r.Seen.Errors).OfType<string>().Select(e => $"resilience: {e}").Concat(neighbours.Errors());

    public string Report()
    {
        var text = new StringBuilder();
        Line(text, $"\n### What resilience costs while nothing fails\n\n{Connections} connections, 170 bytes of JSON, two destinations; {(count == 1 ? "1 round" : $"{count} rounds")}.\n");
        Line(text, $"| upstream with | requests/s | CPU µs/request | to the first line | p99 |\n|---|--:|--:|--:|--:|");
        foreach (var step in ladder)
        {
            var added = Bench.Report.Median([.. step.Rounds.Zip(Plain.Rounds)], p => p.First.Cost - p.Second.Cost);
            Line(text, $"| {step.Title} | {Bench.Report.Median(step.Rounds, r => r.Seen.RequestsPerSecond):#,0} | {Bench.Report.Median(step.Rounds, r => r.Cost):0.0} | {added:+0.0;-0.0;0.0} | {Bench.Report.Time(Bench.Report.Median(step.Rounds, r => r.Seen.P99))} |");
        }
        Line(text, $"\n- All of it adds {Bench.Report.Median(pairs, p => p.All.Cost - p.Plain.Cost):0.0} µs of CPU to a call (aim: at most 2); {pairs.Count} short rounds of each, side by side.");
        Line(text, $"- It adds {Bench.Report.Median(allBytes, b => b) - Bench.Report.Median(plainBytes, b => b):0} bytes allocated to a call (aim: at most 200), {Bench.Report.Median(plainBytes, b => b):#,0} without.");
        return text.Append(neighbours.Report()).ToString();
    }

    private async Task<Round> ShortAsync(RunningServer server, Step step)
    {
        var before = await AllocatedAsync();
        var round = await Round.MeasureAsync(server, step.Workload, Math.Max(1, plan.Seconds * 0.4), place);
        (step == Plain ? plainBytes : allBytes).Add((await AllocatedAsync() - before) / Math.Max(1, round.Seen.Requests));
        return round;
    }

    /// <summary>Bytes that the gateway has allocated since its start.</summary>
    private async Task<double> AllocatedAsync()
    {
        using var client = new HttpClient();
        var line = (await client.GetStringAsync($"http://127.0.0.1:{admin}/metrics")).Split('\n').First(l => l.StartsWith("dotnet_gc_allocated_bytes_total ", StringComparison.Ordinal));
        return double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(FormattableString.Invariant(line)).Append('\n');

    /// <summary>One line of the table.</summary>
    private sealed record Step(string Title, string Path)
    {
        public Workload Workload { get; } = new(Title, Path, Connections);

        public List<Round> Rounds { get; } = [];
    }
}
