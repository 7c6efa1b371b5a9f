namespace Bench;

/// <summary>How long, how often, and on whom.</summary>
internal sealed record Plan(double Seconds, int Rounds, double WarmUp, int Starts)
{
    public static Plan Full { get; } = new(Seconds: 5, Rounds: 3, WarmUp: 15, Starts: 3);

    public static Plan Short { get; } = new(Seconds: 1, Rounds: 1, WarmUp: 1, Starts: 1);
}

/// <summary>
/// The whole comparison. Rounds are interleaved (A B C, A B C, …), so that a machine that slows down slows all of them,
/// and every ratio is taken between rounds that stand beside each other.
/// </summary>
internal sealed class Run(Plan plan, Place place) : IAsyncDisposable
{
    private readonly List<RunningServer> servers = [];

    /// <summary>The backend asked without a gateway between.</summary>
    public const string Direct = "direct";

    public Dictionary<(string Gateway, Workload Workload), List<Round>> Rounds { get; } = [];

    /// <summary>Milliseconds from each start to the first answer.</summary>
    public Dictionary<string, List<double>> Starts { get; } = [];

    public async Task MeasureAsync(IReadOnlyList<Contestant> contestants, CancellationToken stop)
    {
        Directory.CreateDirectory(Path.Combine(place.Directory, "www"));
        await File.WriteAllBytesAsync(Path.Combine(place.Directory, "www", "big"), new byte[Place.BigBody], stop);
        var backend = await KeepAsync(Contestant.Backend, 0);
        foreach (var contestant in contestants)
        {
            await StartAsync(contestant, backend.Port, stop);
        }
        foreach (var workload in Workload.All)
        {
            Console.Error.WriteLine($"bench: {workload.Title}");
            foreach (var server in servers)
            {
                stop.ThrowIfCancellationRequested();
                await workload.RunAsync(server.Port, plan.WarmUp, place);
            }
            for (var round = 0; round < plan.Rounds; round++)
            {
                foreach (var server in servers)
                {
                    stop.ThrowIfCancellationRequested();
                    var name = server == backend ? Direct : server.Name;
                    if (!Rounds.TryGetValue((name, workload), out var rounds))
                    {
                        Rounds[(name, workload)] = rounds = [];
                    }
                    rounds.Add(await Round.MeasureAsync(server, workload, plan.Seconds, place));
                }
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in Enumerable.Reverse(servers))
        {
            await server.DisposeAsync();
        }
    }

    private async Task StartAsync(Contestant contestant, int backend, CancellationToken stop)
    {
        var times = Starts[contestant.Name] = [];
        for (var n = 1; n <= plan.Starts; n++)
        {
            stop.ThrowIfCancellationRequested();
            if (n == plan.Starts)
            {
                times.Add((await KeepAsync(contestant, backend)).StartMilliseconds);
                return;
            }
            await using var once = await contestant.StartAsync(place, backend);
            times.Add(once.StartMilliseconds);
        }
    }

    private async Task<RunningServer> KeepAsync(Contestant contestant, int backend)
    {
        var server = await contestant.StartAsync(place, backend);
        servers.Add(server);
        return server;
    }
}
