using Microsoft.Extensions.Logging;
using Postern.Server.Listening;
using Postern.Server.Serving;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.ApiKeys;

/// <summary>A whole gateway that finds its keys in a Redis, with a clock of its own. It answers <c>/x</c> by a key in <c>X-Api-Key</c>.</summary>
internal sealed class SharedGateway : IAsyncDisposable
{
    private readonly TempFolder folder;
    private readonly TrafficServer traffic;
    private readonly Gateway gateway;

    private SharedGateway(TempFolder folder, Gateway gateway, Lines lines)
    {
        (this.folder, this.gateway, Log) = (folder, gateway, lines);
        traffic = new TrafficServer(gateway.Listen, context => gateway.Handle(context), lines, TimeProvider.System, context => gateway.Refuse(context), gateway.Metrics);
    }

    public SteppedTime Time { get; private init; } = null!;

    public Lines Log { get; }

    public string Config => folder["postern.yaml"];

    public static async Task<SharedGateway> StartAsync(string url, string way = "", string redis = "timeout: 2s")
    {
        var (folder, time, lines) = (new TempFolder(), new SteppedTime(), new Lines());
        folder.Write("postern.yaml", $$"""
            version: 1
            listen: http://127.0.0.1:0
            telemetry: { accessLog: { to: {{folder["access.log"]}} } }
            redis: { url: "{{url}}", {{redis}} }
            identity:
              partners: { apiKey: { header: X-Api-Key, keys: redis{{way}} } }
            gates:
              web:
                identity: partners
                routes:
                  - get: /{**rest}
                    respond: { status: 200, body: hello }
            """);
        var (opened, problems) = OpenedGateway.Open(folder["postern.yaml"], lines, time);
        var made = new SharedGateway(folder, opened ?? throw new InvalidOperationException(string.Join('\n', problems)), lines) { Time = time };
        await made.traffic.StartAsync();
        return made;
    }

    /// <summary>The answer to a request with this key.</summary>
    public async Task<RawAnswer> GetAsync(string key)
    {
        using var client = await RawClient.ConnectAsync(new Uri(traffic.Urls[0]).Port);
        await client.SendAsync($"GET /x HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n\r\n");
        return await client.ReadAnswerAsync();
    }

    public async Task<int> StatusAsync(string key) => (await GetAsync(key)).Status;

    /// <summary>Asks until the answer has that status.</summary>
    public async Task UntilAsync(string key, int status)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while (await StatusAsync(key) != status)
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await traffic.DisposeAsync();
        await gateway.StopAsync();
        folder.Dispose();
    }

    /// <summary>What was logged.</summary>
    public sealed class Lines : ILoggerFactory, ILogger
    {
        private readonly List<string> said = [];

        public IReadOnlyList<string> Said
        {
            get
            {
                lock (said)
                {
                    return [.. said];
                }
            }
        }

        public void AddProvider(ILoggerProvider provider) { }

        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose() { }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (said)
            {
                said.Add(formatter(state, exception));
            }
        }
    }
}
