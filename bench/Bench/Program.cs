using System.Runtime.InteropServices;
using System.Text;
using Bench;

const string Usage = """
    bench/run [--short] [--only nginx,haproxy,caddy,postern] [--plain] [--identity] [--limits] [--flood] [--resilience] [--composition] [--shaping] [--out FILE.md] [--postern DIR]

      --short      one round of a second each, to see that everything runs
      --only       these gateways, with the comparison to nginx where it is among them
      --plain      the gateways as plain proxies, and nothing of what follows
      --identity   no other gateways: what it costs Postern to know a caller (measured with Postern in any case)
      --flood      no other gateways: what a flood on one gate does to another (measured with Postern in any case)
      --limits     no other gateways but nginx's limits: what limits cost, in memory and through Redis (in any case, too)
      --resilience no other gateways: what health checks, breakers, retries and bulkheads cost, and one of eight upstreams that hangs
      --composition three sources in one answer, beside NestJS, Fastify and nginx with Lua (in any case, too)
      --shaping    no server at all: the mobile shape of ten documents, beside System.Text.Json (in any case, too)
      --out        writes the tables there too
      --postern    an already published Postern; otherwise it is published first

    Exit: 0 done, 1 a request failed or a server did, 2 wrong usage, 3 nginx (the backend), wrk or h2load is not installed.
    """;

var (plan, root, only, parts, file, published) = (Plan.Full, Environment.CurrentDirectory, (string[]?)null, new List<string>(), (string?)null, (string?)null);
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--short":
            plan = Plan.Short;
            break;
        case "--root" when i + 1 < args.Length:
            root = args[++i];
            break;
        case "--only" when i + 1 < args.Length:
            only = args[++i].Split(',');
            break;
        case "--plain" or "--identity" or "--limits" or "--flood" or "--resilience" or "--composition" or "--shaping":
            parts.Add(args[i]);
            break;
        case "--out" when i + 1 < args.Length:
            file = Path.GetFullPath(args[++i]);
            break;
        case "--postern" when i + 1 < args.Length:
            published = Path.GetFullPath(args[++i]);
            break;
        default:
            Console.Error.WriteLine(Usage);
            return args[i] is "--help" or "-h" ? 0 : 2;
    }
}

var servers = parts is not ["--shaping"];
if (servers && new[] { "nginx", "wrk", "h2load" }.Where(p => Shell.Find(p) is null).ToArray() is { Length: > 0 } missing)
{
    Console.Error.WriteLine($"bench: not installed: {string.Join(", ", missing)} (Debian: nginx wrk nghttp2-client)");
    return 3;
}

only = parts.Count > 0 && !parts.Contains("--plain") ? ["postern"] : only;
if (only?.Except(Contestant.All("").Select(c => c.Name)).FirstOrDefault() is { } unknown)
{
    Console.Error.WriteLine($"bench: no gateway '{unknown}'; one of {string.Join(", ", Contestant.All("").Select(c => c.Name))}");
    return 2;
}

var place = new Place(root, Directory.CreateTempSubdirectory("postern-bench-").FullName);
published ??= Path.Combine(place.Directory, "postern");
Contestant[] asked = [.. Contestant.All(published).Where(c => only is null || only.Contains(c.Name))];

// Ctrl-C and SIGTERM end the run between two rounds; what was started is stopped all the same.
using var stopping = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    if (servers && asked.Any(c => c.Name == "postern" && !c.Installed))
    {
        Console.Error.WriteLine("bench: publishing Postern");
        await Shell.RunAsync("dotnet", "publish", Path.Combine(root, "src", "Postern.Server"), "-c", "Release", "-o", published, "-v", "quiet", "--nologo");
    }
    var report = new StringBuilder();
    var errors = new List<string>();
    await Report.MachineAsync(report, asked, plan);
    if (parts.Count == 0 || parts.Contains("--plain"))
    {
        await using var run = new Run(plan, place);
        await run.MeasureAsync([.. asked.Where(c => c.Installed)], stopping.Token);
        Report.Write(report, run, asked);
        errors.AddRange(Report.Errors(run));
    }
    if (Measures("--identity"))
    {
        var knowing = new IdentityRun(plan, place, published);
        await knowing.MeasureAsync(stopping.Token);
        report.Append(knowing.Report());
        errors.AddRange(knowing.Errors());
    }
    if (Measures("--limits"))
    {
        await using var limiting = new LimitsRun(plan, place, published);
        await limiting.MeasureAsync(stopping.Token);
        report.Append(await limiting.ReportAsync());
        errors.AddRange(limiting.Errors());
    }
    if (Measures("--flood"))
    {
        var flood = new FloodRun(plan, place, published);
        await flood.MeasureAsync(stopping.Token);
        report.Append(flood.Report());
        errors.AddRange(flood.Errors());
    }
    if (Measures("--resilience"))
    {
        var resilience = new ResilienceRun(plan, place, published);
        await resilience.MeasureAsync(stopping.Token);
        report.Append(resilience.Report());
        errors.AddRange(resilience.Errors());
    }
    if (Measures("--composition"))
    {
        await using var composition = new CompositionRun(plan, place, published);
        await composition.MeasureAsync(stopping.Token);
        report.Append(await composition.ReportAsync());
        errors.AddRange(composition.Errors());
    }
    if (Measures("--shaping"))
    {
        var shaping = new ShapingRun(plan);
        shaping.Measure(stopping.Token);
        report.Append(shaping.Report());
    }
    Console.WriteLine(report);
    if (file is not null)
    {
        await File.WriteAllTextAsync(file, report.ToString());
    }
    foreach (var error in errors)
    {
        Console.Error.WriteLine($"bench: failed requests: {error}");
    }
    return errors.Count == 0 ? 0 : Fail();
}
catch (BenchException e) when (!stopping.IsCancellationRequested)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return Fail();
}
catch (Exception) when (stopping.IsCancellationRequested)
{
    // Ctrl-C reaches the servers and the load generator as well; what they then say means nothing.
    Console.Error.WriteLine("bench: stopped");
    return 1;
}
finally
{
    Directory.Delete(place.Directory, recursive: true);
}

bool Measures(string part) => asked.Any(c => c.Name == "postern") && (parts.Count == 0 || parts.Contains(part));

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stopping.Cancel();
}

int Fail()
{
    foreach (var log in Directory.EnumerateFiles(place.Directory, "*.log").Where(l => new FileInfo(l).Length > 0 && !l.EndsWith("h2load.log", StringComparison.Ordinal)))
    {
        Console.Error.WriteLine($"--- {Path.GetFileName(log)}\n{string.Join('\n', File.ReadLines(log).TakeLast(40))}");
    }
    return 1;
}
