using System.Text;

namespace Bench;

/// <summary>
/// What it costs to know a caller, on one Postern: the same request by a route for anyone and by one for customers, then
/// requests that are refused. Rounds are interleaved, and each difference is taken between rounds that stand beside each other.
/// </summary>
internal sealed class IdentityRun
{
    private const int Connections = 32;

    private readonly Plan plan;
    private readonly int count;
    private readonly Place place;
    private readonly Contestant contestant;
    private readonly BenchToken token = new();
    private readonly Workload plain, carried, known, nobody, flood;
    private readonly Dictionary<Workload, List<Round>> rounds = [];

    public IdentityRun(Plan plan, Place place, string postern)
    {
        (this.plan, this.place) = (plan, place);
        // What is looked for is a twentieth of what is measured: the median of more rounds.
        count = 2 * plan.Rounds - 1;
        contestant = new Contestant("postern-identity", "identity.yaml", [Path.Combine(postern, "postern"), "run", "--config", "@CONFIG@"], [Path.Combine(postern, "postern"), "--version"]);
        string[] bearer = [$"Authorization: Bearer {token.Good}"];
        plain = new("anyone's route, no token", "/plain/", Connections);
        carried = new("anyone's route, a token that nobody looks at", "/plain/", Connections) { Headers = bearer };
        known = new("customers' route, a token seen before", "/known/", Connections) { Headers = bearer };
        nobody = new("refused: no token", "/known/", Connections) { Status = 401 };
        flood = new("refused: another bad token each time", "/known/", Connections) { Status = 401, Headers = [$"Authorization: Bearer {token.Bad}"], Script = Path.Combine(place.Directory, "flood.lua") };
    }

    private Workload[] All => [plain, carried, known, nobody, flood];

    public async Task MeasureAsync(CancellationToken stop)
    {
        await File.WriteAllTextAsync(Path.Combine(place.Directory, "bench.pem"), token.PublicKey, stop);
        await File.WriteAllTextAsync(flood.Script!, token.Flood, stop);
        Console.Error.WriteLine("bench: identity");
        await using var backend = await Contestant.Backend.StartAsync(place, 0);
        await using var server = await contestant.StartAsync(place, backend.Port);
        foreach (var workload in All)
        {
            stop.ThrowIfCancellationRequested();
            await workload.ExpectAsync(server.Port);
            await workload.RunAsync(server.Port, plan.WarmUp, place);
            rounds[workload] = [];
        }
        for (var round = 0; round < count; round++)
        {
            foreach (var workload in All)
            {
                stop.ThrowIfCancellationRequested();
                rounds[workload].Add(await Round.MeasureAsync(server, workload, plan.Seconds, place));
            }
        }
    }

    /// <summary>What went wrong in any round, one line each.</summary>
    public IEnumerable<string> Errors() =>
        from entry in rounds
        from round in entry.Value
        where round.Seen.Errors is not null
        select $"identity, {entry.Key.Title}: {round.Seen.Errors}";

    public string Report()
    {
        var text = new StringBuilder();
        Line(text, $"\n### What it costs to know a caller\n\nOne Postern, RS256, {Connections} connections, 170 bytes of JSON; {(count == 1 ? "1 round" : $"{count} rounds")}.\n");
        Line(text, $"| request | requests/s | CPU µs/request | to the first line | p99 |\n|---|--:|--:|--:|--:|");
        foreach (var workload in All)
        {
            Line(text, $"| {workload.Title} | {Bench.Report.Median(rounds[workload], r => r.Seen.RequestsPerSecond):#,0} | {Cost(workload):0.0} | {Difference(workload, plain):+0.0;-0.0;0.0} | {Bench.Report.Time(Bench.Report.Median(rounds[workload], r => r.Seen.P99))} |");
        }
        Line(text, $"\n- A token seen before adds {Difference(known, carried):0.0} µs to the same request on anyone's route, {Difference(known, plain):0.0} µs to one without its {token.Good.Length} bytes (aim: at most 2).");
        Line(text, $"- Refusing takes {Share(nobody):0} % of serving without a token, {Share(flood):0} % with another bad token each time (aim: under 100).");
        return text.ToString();
    }

    private double Cost(Workload workload) => Bench.Report.Median(rounds[workload], r => r.Cost);

    /// <summary>The median of the differences, each between neighbours in time.</summary>
    private double Difference(Workload one, Workload other) => Bench.Report.Median([.. rounds[one].Zip(rounds[other])], pair => pair.First.Cost - pair.Second.Cost);

    private double Share(Workload refused) => 100 * Bench.Report.Median([.. rounds[refused].Zip(rounds[known])], pair => pair.First.Cost / pair.Second.Cost);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(FormattableString.Invariant(line)).Append('\n');
}
