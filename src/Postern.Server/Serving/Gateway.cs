using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Edge.Budgeting;
using Postern.Edge.RateLimiting;
using Postern.Pipeline.Telemetry;
using Postern.Runtime;

namespace Postern.Server.Serving;

/// <summary>A gateway that is compiled and ready, as the <c>run</c> command needs it.</summary>
internal sealed record Gateway
{
    public required IReadOnlyList<ListenOptions> Listen { get; init; }

    /// <summary>Null for no admin port.</summary>
    public required AdminOptions? Admin { get; init; }

    public required DrainOptions Drain { get; init; }

    /// <summary>What was written.</summary>
    public required GatewayConfig Config { get; init; }

    /// <summary>The files read, the main one first.</summary>
    public required IReadOnlyList<string> Files { get; init; }

    public required int Gates { get; init; }

    public required int Routes { get; init; }

    /// <summary>Answers a request.</summary>
    public required RequestDelegate Handle { get; init; }

    /// <summary>Answers what a listener refused before it was a request, as its exchange's failure says.</summary>
    public required RequestDelegate Refuse { get; init; }

    /// <summary>Why it can't serve all of its routes yet; null once it can.</summary>
    public required Func<string?> NotReady { get; init; }

    public required MetricRegistry Metrics { get; init; }

    public required Action<Utf8JsonWriter> WriteConfig { get; init; }

    /// <summary>What consumers have left of their limits.</summary>
    public required ConsumerLimits Limits { get; init; }

    /// <summary>The upstreams as they are now.</summary>
    public required LiveUpstreams LiveUpstreams { get; init; }

    /// <summary>The routes as they run now.</summary>
    public required LiveRoutes LiveRoutes { get; init; }

    /// <summary>How the routes that run keep their budgets, in the order written.</summary>
    public required Func<IEnumerable<RouteBudget>> Budgets { get; init; }

    /// <summary>Reads the configuration anew and takes what is right; returns every problem.</summary>
    public required Func<IReadOnlyList<ConfigProblem>> Reload { get; init; }

    /// <summary>Ends what runs beside the requests, after the last of them.</summary>
    public required Func<ValueTask> StopAsync { get; init; }
}

/// <summary>Reads and compiles a configuration; without a gateway, the problems say why.</summary>
internal delegate (Gateway? Gateway, IReadOnlyList<ConfigProblem> Problems) OpenGateway(string file, ILoggerFactory loggers, TimeProvider time);
