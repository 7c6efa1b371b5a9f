using System.Net;
using Postern.Tests.Harness;

namespace Postern.Tests.Redis;

/// <summary>Three gateways, as processes, that share one Redis; and clients that ask all of them at once.</summary>
internal sealed class Fleet : IAsyncDisposable
{
    private const int Clients = 64;

    private readonly TempFolder folder = new();
    private readonly HttpClient client = new(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = Clients }) { Timeout = RunningTool.Patience };

    /// <summary>The gateways.</summary>
    public IReadOnlyList<RunningTool> Instances { get; private set; } = [];

    /// <summary>Starts it; done when all are ready.</summary>
    /// <param name="redis">The value of <c>redis</c>.</param>
    /// <param name="routes">Paths, each with the value of its <c>rateLimit</c>.</param>
    public static async Task<Fleet> StartAsync(string redis, params (string Path, string Limit)[] routes)
    {
        var fleet = new Fleet();
        fleet.folder.Write("postern.yaml", $$"""
            version: 1
            listen: http://127.0.0.1:0
            admin: http://127.0.0.1:0
            telemetry: { accessLog: off }
            drain: { delay: 0, timeout: 1s }
            redis: {{redis}}
            gates:
              web:
                identity: off
                routes:
            {{string.Join('\n', routes.Select(r => $"      - {{ get: {r.Path}, rateLimit: {r.Limit}, respond: 204 }}"))}}
            """);
        fleet.Instances = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => RunningTool.StartAsync("run", "--config", fleet.folder["postern.yaml"])));
        foreach (var instance in fleet.Instances)
        {
            await fleet.SaysAsync(instance.Admin + "/readyz", "true");
            // All have heard of each other.
            await fleet.SaysAsync(instance.Admin + "/metrics", "postern_rate_limit_instances 3");
        }
        return fleet;
    }

    /// <summary>Asks all gateways in turn, from many clients at once.</summary>
    /// <param name="path">What is asked for.</param>
    /// <param name="requests">How many requests there are in all.</param>
    /// <param name="between">Called once, when half of them have been sent.</param>
    public async Task<Tally> HammerAsync(string path, int requests, Func<Task>? between = null)
    {
        var (tally, sent, halfway) = (new Tally(), 0, Task.CompletedTask);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref sent) is var number && number <= requests)
            {
                if (number == requests / 2 && between is not null)
                {
                    halfway = between();
                }
                await AskAsync(Instances[number % Instances.Count].Url + path, tally);
            }
        })));
        await halfway;
        return tally;
    }

    /// <summary>Asks one gateway once.</summary>
    public async Task AskAsync(string url, Tally tally)
    {
        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        try
        {
            using var answer = await client.GetAsync(url);
            tally.Add(answer.StatusCode, System.Diagnostics.Stopwatch.GetElapsedTime(began));
        }
        catch (HttpRequestException)
        {
            tally.Add(0, TimeSpan.Zero);
        }
    }

    /// <summary>Done when what a URL answers with holds this text.</summary>
    public async Task SaysAsync(string url, string text)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var patience = new CancellationTokenSource(RunningTool.Patience);
        while (true)
        {
            using var answer = await client.GetAsync(url, patience.Token);
            if ((await answer.Content.ReadAsStringAsync(patience.Token)).Contains(text, StringComparison.Ordinal))
            {
                return;
            }
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        foreach (var instance in Instances)
        {
            await instance.DisposeAsync();
        }
        folder.Dispose();
    }

    /// <summary>What the clients got.</summary>
    internal sealed class Tally
    {
        private readonly Lock gate = new();
        private readonly Dictionary<HttpStatusCode, int> answers = [];

        public int Passed => Count(HttpStatusCode.NoContent);

        public int Refused => Count(HttpStatusCode.TooManyRequests);

        /// <summary>Requests whose connection broke before an answer.</summary>
        public int Lost => Count(0);

        public int Other => answers.Values.Sum() - Passed - Refused - Lost;

        public TimeSpan Longest { get; private set; }

        public void Add(HttpStatusCode status, TimeSpan took)
        {
            lock (gate)
            {
                answers[status] = Count(status) + 1;
                Longest = took > Longest ? took : Longest;
            }
        }

        public override string ToString() => string.Join(", ", answers.Select(a => $"{a.Value} × {(int)a.Key}"));

        private int Count(HttpStatusCode status) => answers.GetValueOrDefault(status);
    }
}
