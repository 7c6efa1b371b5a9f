using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.Introspecting;
using Postern.Pipeline.Telemetry;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Introspecting;

/// <summary>A way that asks a real server about tokens, on a clock that the test moves.</summary>
internal sealed class Introspected : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private Introspected(AuthServer server, SteppedTime time, IntrospectionOptions options, ClaimOptions claims, int mostKnown)
    {
        (Server, Time) = (server, time);
        Way = new IntrospectionWay("opaque", options, claims, Metrics, mostKnown);
        Way.Start(time, Log);
    }

    public AuthServer Server { get; }

    public SteppedTime Time { get; }

    public MetricRegistry Metrics { get; } = new();

    public Lines Log { get; } = new();

    public IntrospectionWay Way { get; }

    public static async Task<Introspected> StartAsync(Func<IntrospectionOptions, IntrospectionOptions>? with = null, ClaimOptions? claims = null, int mostKnown = IntrospectionWay.MostKnown)
    {
        var time = new SteppedTime();
        var server = await AuthServer.StartAsync(time);
        var options = new IntrospectionOptions { Endpoint = server.IntrospectionUrl, ClientId = AuthServer.ClientId, ClientSecret = AuthServer.ClientSecret };
        return new Introspected(server, time, with?.Invoke(options) ?? options, claims ?? new(), mostKnown);
    }

    /// <summary>What a request with this token meets: first what is known, then the way's judgement.</summary>
    public async Task<Verdict> JudgeAsync(string token, string client = "192.0.2.1")
    {
        var digest = Digest.Of(token);
        return Way.Find(digest) is { } consumer ? Verdict.Known(consumer) : await Way.JudgeAsync(token, digest, client).AsTask().WaitAsync(Patience);
    }

    /// <summary>The same for a token of which the server says this.</summary>
    public Task<Verdict> JudgeAsync(JsonObject reply) => JudgeAsync(Server.Opaque("the-token", reply));

    public long Count(string outcome) => Metrics.Counter("postern_introspections_total", "", ("identity", "opaque"), ("outcome", outcome)).Value;

    public async ValueTask DisposeAsync()
    {
        Way.Dispose();
        await Server.DisposeAsync();
    }

    /// <summary>A log that keeps its lines.</summary>
    internal sealed class Lines : ILogger
    {
        private readonly ConcurrentQueue<string> lines = [];

        public string[] All => [.. lines];

        public void Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> format) =>
            lines.Enqueue($"{level}: {format(state, exception)}");

        public bool IsEnabled(LogLevel level) => true;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
    }
}
