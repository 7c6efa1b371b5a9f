using System.Text;
using System.Text.RegularExpressions;

namespace Bench;

/// <summary>
/// What one answer from three sources costs: Postern, an aggregator in NestJS, one in Fastify with undici, and nginx with Lua, each with
/// the same three services behind it. Nobody is measured who doesn't answer as all others do, with all services and with one of them down.
/// </summary>
internal sealed partial class CompositionRun : IAsyncDisposable
{
    private const int Connections = 32;

    private readonly Plan plan;
    private readonly int count;
    private readonly Place place;
    private readonly Contestant postern, nest, fastify, lua;
    private readonly Dictionary<Contestant, string?> missing = [];
    private readonly List<RunningServer> servers = [];
    private readonly Step[] ladder;

    public CompositionRun(Plan plan, Place place, string published)
    {
        (this.plan, this.place) = (plan, place);
        count = 2 * plan.Rounds - 1;
        var program = Path.Combine(published, "postern");
        postern = new("postern-composition", "composition.yaml", [program, "run", "--config", "@CONFIG@"], [program, "--version"]);
        nest = Node("nest", "nest.js");
        fastify = Node("fastify", "fastify.js");
        lua = new("nginx-lua", "composition-nginx.conf", ["nginx", "-p", "@DIR@", "-c", "@CONFIG@"], ["nginx", "-v"])
        {
            Values = new Dictionary<string, string> { ["@MODULES@"] = Modules() },
        };
        ladder =
        [
            new(postern, "Postern", "/dashboard"),
            new(nest, "NestJS with axios", "/dashboard"),
            new(fastify, "Fastify with undici", "/dashboard"),
            new(lua, "nginx with Lua, decoded and encoded", "/dashboard"),
            new(lua, "nginx with Lua, joined unseen", "/joined"),
        ];
    }

    public async Task MeasureAsync(CancellationToken stop)
    {
        Console.Error.WriteLine("bench: composition");
        missing[postern] = null;
        missing[lua] = MissingLua();
        missing[nest] = missing[fastify] = await NodePackages.MissingAsync(place);
        Step[] here = [.. ladder.Where(s => missing[s.Contestant] is null)];
        await ExpectPartialAsync(here, stop);
        var backend = await KeepAsync(Services(down: false), 0);
        foreach (var group in here.GroupBy(s => s.Contestant))
        {
            var server = await KeepAsync(group.Key, backend.Port);
            foreach (var step in group)
            {
                step.Server = server;
                await Dashboard.ExpectAsync(server, step.Path, partial: false);
            }
        }
        foreach (var step in here)
        {
            stop.ThrowIfCancellationRequested();
            await step.Workload.RunAsync(step.Server!.Port, plan.WarmUp, place);
        }
        for (var round = 0; round < count; round++)
        {
            foreach (var step in here)
            {
                stop.ThrowIfCancellationRequested();
                step.Rounds.Add(await Round.MeasureAsync(step.Server!, step.Workload, plan.Seconds, place));
            }
        }
        foreach (var step in here)
        {
            // Still the same, after all of it.
            await Dashboard.ExpectAsync(step.Server!, step.Path, partial: false);
        }
    }

    /// <summary>What went wrong in any round, one line each.</summary>
    public IEnumerable<string> Errors() =>
        from step in ladder
        from round in step.Rounds
        where round.Seen.Errors is not null
        select $"composition, {step.Title}: {round.Seen.Errors}";

    public async Task<string> ReportAsync()
    {
        var text = new StringBuilder();
        var bytes = Encoding.UTF8.GetByteCount(ShopBodies.Profile + ShopBodies.Orders + ShopBodies.Unread);
        Line(text, $"\n### Three sources in one answer\n\n{bytes:#,0} bytes of JSON from three services, merged, with `_meta`; {Connections} connections; {(count == 1 ? "1 round" : $"{count} rounds")}. {await VersionsAsync()}.\n");
        Line(text, $"| composed by | requests/s | CPU µs/request | × nginx with Lua | p50 | p99 | RSS |\n|---|--:|--:|--:|--:|--:|--:|");
        foreach (var step in ladder)
        {
            if (missing[step.Contestant] is { } why)
            {
                Line(text, $"| {step.Title} | left out: {why} |");
                continue;
            }
            Line(text, $"| {step.Title} | {Median(step, r => r.Seen.RequestsPerSecond):#,0} | {Median(step, r => r.Cost):0.0} | {(Ratio(step, ladder[3]) is { } ratio ? FormattableString.Invariant($"{ratio:0.00}") : "")} | {Bench.Report.Time(Median(step, r => r.Seen.P50))} | {Bench.Report.Time(Median(step, r => r.Seen.P99))} | {Median(step, r => r.ResidentBytes) / (1 << 20):0} MB |");
        }
        text.Append('\n');
        if (Ratio(ladder[1], ladder[0]) is { } nestTimes && Ratio(ladder[0], ladder[2]) is { } fastifyShare)
        {
            Line(text, $"- Postern takes 1/{nestTimes:0.0} of NestJS' CPU (aim: at most 1/8), and {fastifyShare:0.00} of Fastify's (aim: at most 0.5).");
        }
        if (Ratio(ladder[0], ladder[3]) is { } decoded && Ratio(ladder[0], ladder[4]) is { } joined)
        {
            Line(text, $"- It takes {decoded:0.00} × nginx with Lua (1.6 is good, the aim is 1.0), {joined:0.00} × where Lua looks at nothing.");
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

    /// <summary>With notifications down, everybody answers all the same, and says so.</summary>
    private async Task ExpectPartialAsync(Step[] here, CancellationToken stop)
    {
        await using var services = await Services(down: true).StartAsync(place, 0);
        foreach (var group in here.GroupBy(s => s.Contestant))
        {
            stop.ThrowIfCancellationRequested();
            await using var server = await group.Key.StartAsync(place, services.Port);
            foreach (var step in group)
            {
                await Dashboard.ExpectAsync(server, step.Path, partial: true);
            }
        }
    }

    private async Task<RunningServer> KeepAsync(Contestant contestant, int backend)
    {
        var server = await contestant.StartAsync(place, backend);
        servers.Add(server);
        return server;
    }

    private static Contestant Services(bool down) => new("services", "composition-backend.conf", ["nginx", "-p", "@DIR@", "-c", "@CONFIG@"], ["nginx", "-v"])
    {
        Values = new Dictionary<string, string>
        {
            ["@PROFILE@"] = ShopBodies.Profile,
            ["@ORDERS@"] = ShopBodies.Orders,
            ["@UNREAD@"] = ShopBodies.Unread,
            ["@UNREAD-STATUS@"] = down ? "500" : "200",
        },
    };

    private Contestant Node(string name, string program) =>
        new(name, "composition-node.json", ["node", NodePackages.Program(place, program), "@CONFIG@"], ["node", "--version"]);

    private async Task<string> VersionsAsync()
    {
        var versions = new List<string> { $"nginx {await Shell.VersionAsync(lua.Version)}" };
        if (missing[nest] is null)
        {
            versions.Add($"Node {await Shell.VersionAsync(nest.Version)}");
            versions.AddRange(new[] { "@nestjs/core", "@nestjs/axios", "axios", "fastify", "undici" }.Select(p => $"{p} {NodePackages.VersionOf(place, p)}"));
        }
        return string.Join(", ", versions);
    }

    /// <summary>Where nginx looks for its modules; empty where it doesn't say.</summary>
    private static string Modules() => ModulesPath().Match(Shell.RunAsync("nginx", "-V").Result).Groups[1].Value;

    private string? MissingLua() =>
        !File.Exists(Path.Combine(lua.Values["@MODULES@"], "ngx_http_lua_module.so")) ? "nginx' Lua module is not installed (Debian: libnginx-mod-http-lua)"
        : !CjsonFolders().Any(f => File.Exists(Path.Combine(f, "lua", "5.1", "cjson.so"))) ? "cjson is not installed (Debian: lua-cjson)"
        : null;

    private static IEnumerable<string> CjsonFolders() => Directory.EnumerateDirectories("/usr/lib", "*-linux-gnu*").Append("/usr/lib").Append("/usr/lib64").Append("/usr/local/lib");

    private static double Median(Step step, Func<Round, double> value) => Bench.Report.Median(step.Rounds, value);

    /// <summary>The median of the ratios, each between neighbours in time; null where one of the two wasn't measured.</summary>
    private static double? Ratio(Step one, Step other) => one.Rounds.Count == 0 || other.Rounds.Count == 0 ? null
        : Bench.Report.Median([.. one.Rounds.Zip(other.Rounds)], p => p.First.Cost / p.Second.Cost);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(FormattableString.Invariant(line)).Append('\n');

    [GeneratedRegex(@"--modules-path=(\S+)")]
    private static partial Regex ModulesPath();

    /// <summary>One line of the table.</summary>
    private sealed record Step(Contestant Contestant, string Title, string Path)
    {
        public Workload Workload { get; } = new(Title, Path, Connections);

        public List<Round> Rounds { get; } = [];

        public RunningServer? Server { get; set; }
    }
}
