using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Bench;

/// <summary>
/// What limits cost, from none to a tier's, in memory and through Redis, and beside nginx's own. Everything, Redis too, runs on
/// the same cores. Rounds are interleaved, and each difference is taken between rounds that stand beside each other.
/// </summary>
internal sealed class LimitsRun : IAsyncDisposable
{
    private const int Connections = 32, Callers = 64;

    private readonly Plan plan;
    private readonly int count;
    private readonly Place place;
    private readonly string postern;
    private readonly List<RunningServer> servers = [];
    private readonly List<Step> ladder = [];
    private Step plain = null!, known = null!, one = null!, tiers = null!, refused = null!;
    private int admin;
    private double asked, alone;
    private Step? sharedOne, sharedTiers, nginx, nginxLimited;

    public LimitsRun(Plan plan, Place place, string postern)
    {
        (this.plan, this.place, this.postern) = (plan, place, postern);
        count = 2 * plan.Rounds - 1;
    }

    /// <summary>One line of the table.</summary>
    private sealed record Step(RunningServer Server, Workload Workload, RunningServer? Beside)
    {
        public List<Round> Rounds { get; } = [];

        /// <summary>Many short ones, for a difference that is a twentieth of what is measured.</summary>
        public List<Round> ShortRounds { get; } = [];
    }

    public async Task MeasureAsync(CancellationToken stop)
    {
        Console.Error.WriteLine("bench: limits");
        string[] keys = [.. Enumerable.Range(0, Callers).Select(i => $"pk_bench_{i:00}_{RandomNumberGenerator.GetHexString(16, lowercase: true)}")];
        await File.WriteAllTextAsync(Path.Combine(place.Directory, "keys.yaml"), KeysFile(keys), stop);
        await File.WriteAllTextAsync(Script, Lua(keys), stop);
        await StartAsync(keys[0]);
        foreach (var step in ladder)
        {
            stop.ThrowIfCancellationRequested();
            if (step.Workload.Status == 429)
            {
                // The one that passes.
                await (step.Workload with { Status = 200 }).ExpectAsync(step.Server.Port);
            }
            await step.Workload.ExpectAsync(step.Server.Port);
            await step.Workload.RunAsync(step.Server.Port, plan.WarmUp, place);
        }
        for (var round = 0; round < count; round++)
        {
            foreach (var step in ladder)
            {
                stop.ThrowIfCancellationRequested();
                step.Rounds.Add(await Round.MeasureAsync(step.Server, step.Workload, plan.Seconds, place, step.Beside));
            }
        }
        for (var round = 0; round < 4 * count; round++)
        {
            foreach (var step in new[] { known, one, tiers })
            {
                stop.ThrowIfCancellationRequested();
                step.ShortRounds.Add(await Round.MeasureAsync(step.Server, step.Workload, Math.Max(1, plan.Seconds * 0.4), place, null));
            }
        }
        if (sharedTiers is not null)
        {
            await CountAsync();
        }
    }

    /// <summary>What went wrong in any round, one line each.</summary>
    public IEnumerable<string> Errors() =>
        from step in ladder
        from round in step.Rounds.Concat(step.ShortRounds)
        where round.Seen.Errors is not null
        select $"limits, {step.Workload.Title}: {round.Seen.Errors}";

    public async Task<string> ReportAsync()
    {
        var text = new StringBuilder();
        var others = new List<string>();
        foreach (var contestant in new[] { Contestant.Redis, Nginx }.Where(c => c.Installed))
        {
            others.Add($"{contestant.Name} {await Shell.VersionAsync(contestant.Version)}");
        }
        Line(text, $"\n### What limits cost\n\n{Callers} callers by API key, {Connections} connections, 170 bytes of JSON; {(count == 1 ? "1 round" : $"{count} rounds")}. {string.Join(", ", others)}.\n");
        Line(text, $"| request | requests/s | of the first line | CPU µs/request | Redis' CPU | p99 |\n|---|--:|--:|--:|--:|--:|");
        foreach (var step in ladder)
        {
            var (of, beside) = ($"{Percent(step, plain):0} %", step.Beside is null ? "" : FormattableString.Invariant($"{Bench.Report.Median(step.Rounds, r => r.BesideCost):0.0}"));
            Line(text, $"| {step.Workload.Title} | {Bench.Report.Median(step.Rounds, r => r.Seen.RequestsPerSecond):#,0} | {of} | {Bench.Report.Median(step.Rounds, r => r.Cost):0.0} | {beside} | {Bench.Report.Time(Bench.Report.Median(step.Rounds, r => r.Seen.P99))} |");
        }
        Line(text, $"\n- In memory, one limit adds {Difference(s => s.ShortRounds, one, known):0.0} µs of CPU to the same request of the same caller, a tier's four {Difference(s => s.ShortRounds, tiers, known):0.0} µs (aim: at most 1.5); {4 * count} short rounds.");
        Line(text, $"- Refusing takes {100 * Bench.Report.Median([.. refused.Rounds.Zip(tiers.Rounds)], p => p.First.Cost / p.Second.Cost):0} % of the CPU of serving under a tier's limits.");
        if (sharedOne is not null && sharedTiers is not null)
        {
            Line(text, $"- Through Redis, requests/s are {Percent(sharedOne, plain):0} % of the plain route's with one limit, {Percent(sharedTiers, plain):0} % with a tier's (aim: at least 40). Of {asked + alone:#,0} decisions it didn't answer {alone:#,0} in time; those were made alone.");
        }
        else
        {
            Line(text, $"- Through Redis: redis-server is not installed.");
        }
        if (nginx is not null && nginxLimited is not null)
        {
            Line(text, $"- nginx's limit_req, one limit in memory, adds {Difference(s => s.Rounds, nginxLimited, nginx):0.0} µs to nginx.");
        }
        return text.ToString();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in Enumerable.Reverse(servers))
        {
            await server.DisposeAsync();
        }
    }

    private static Contestant Nginx => Contestant.All("").First(c => c.Name == "nginx");

    private string Script => Path.Combine(place.Directory, "callers.lua");

    private async Task StartAsync(string key)
    {
        var backend = await KeepAsync(Contestant.Backend, 0);
        var local = await KeepAsync(Gateway("postern-limits", "", Contestant.FreePort()), backend.Port);
        plain = Add(local, "no limit, anyone", "/plain/", null);
        known = Add(local, "no limit, a known caller", "/known/", key);
        one = Add(local, "one limit", "/one/", key);
        tiers = Add(local, "a tier's: global and group, each with a burst", "/tiers/", key);
        if (Contestant.Redis.Installed)
        {
            admin = Contestant.FreePort();
            var redis = await KeepAsync(Contestant.Redis, 0);
            var sharing = await KeepAsync(Gateway("postern-redis", $"redis: redis://127.0.0.1:{redis.Port}", admin), backend.Port);
            sharedOne = Add(sharing, "one limit, through Redis", "/one/", key, redis);
            sharedTiers = Add(sharing, "a tier's, through Redis", "/tiers/", key, redis);
        }
        refused = new Step(local, new Workload("refused: 429", "/refused/", Connections) { Status = 429, Headers = [$"X-Api-Key: {key}"] }, null);
        ladder.Add(refused);
        if (Nginx is { Installed: true } other)
        {
            var server = await KeepAsync(other, backend.Port);
            nginx = Add(server, "nginx, no limit", "/", key);
            nginxLimited = Add(server, "nginx, limit_req", "/limited/", key);
        }
    }

    private Contestant Gateway(string name, string redis, int admin)
    {
        var program = Path.Combine(postern, "postern");
        return new Contestant(name, "limits.yaml", [program, "run", "--config", "@CONFIG@"], [program, "--version"]) { Values = new Dictionary<string, string> { ["@REDIS@"] = redis, ["@ADMIN@"] = $"{admin}" } };
    }

    private Step Add(RunningServer server, string title, string path, string? key, RunningServer? beside = null)
    {
        var workload = new Workload(title, path, Connections);
        var step = new Step(server, key is null ? workload : workload with { Headers = [$"X-Api-Key: {key}"], Script = Script }, beside);
        ladder.Add(step);
        return step;
    }

    /// <summary>How many decisions Redis made, and how many it missed: a gateway that gives up soon would look fast.</summary>
    private async Task CountAsync()
    {
        using var client = new HttpClient();
        foreach (var line in (await client.GetStringAsync($"http://127.0.0.1:{admin}/metrics")).Split('\n'))
        {
            var value = line[(line.LastIndexOf(' ') + 1)..];
            asked += line.StartsWith("postern_rate_limit_store_duration_seconds_count", StringComparison.Ordinal) ? double.Parse(value, CultureInfo.InvariantCulture) : 0;
            alone += line.StartsWith("postern_rate_limit_store_failures_total", StringComparison.Ordinal) ? double.Parse(value, CultureInfo.InvariantCulture) : 0;
        }
    }

    private async Task<RunningServer> KeepAsync(Contestant contestant, int backend)
    {
        var server = await contestant.StartAsync(place, backend);
        servers.Add(server);
        return server;
    }

    private static string KeysFile(string[] keys) => "keys:\n" + string.Concat(keys.Select((key, i) =>
        $"  - {{ name: bench-{i}, hash: {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))}, last4: \"{key[^4..]}\", tier: bench }}\n"));

    /// <summary>A script for wrk: each caller in turn. The requests are made beforehand, so that the load costs what it always does.</summary>
    private static string Lua(string[] keys) => $$"""
        local keys = { {{string.Join(", ", keys.Select(k => $"\"{k}\""))}} }
        local requests = {}
        local n = 0
        function init()
          for i, key in ipairs(keys) do
            wrk.headers["X-Api-Key"] = key
            requests[i] = wrk.format("GET", wrk.path)
          end
        end
        function request()
          n = n % #requests + 1
          return requests[n]
        end
        """;

    /// <summary>The median of the differences, each between neighbours in time.</summary>
    private static double Difference(Func<Step, List<Round>> rounds, Step step, Step other) =>
        Bench.Report.Median([.. rounds(step).Zip(rounds(other))], p => p.First.Cost - p.Second.Cost);

    private static double Percent(Step step, Step other) =>
        100 * Bench.Report.Median([.. step.Rounds.Zip(other.Rounds)], p => p.First.Seen.RequestsPerSecond / p.Second.Seen.RequestsPerSecond);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(FormattableString.Invariant(line)).Append('\n');
}
