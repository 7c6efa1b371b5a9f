using System.Text.Json;
using Postern.Config;
using Postern.Edge.Budgeting;
using Postern.Edge.RateLimiting;
using Postern.Pipeline.Telemetry;
using Postern.Runtime;

namespace Postern.Server.Administering;

/// <summary>What the admin port shows and does; each is asked for when a request asks.</summary>
internal sealed record AdminSource
{
    /// <summary>Why no traffic should come here, in a word; null where it should.</summary>
    public required Func<string?> NotReady { get; init; }

    /// <summary>The numbers of the process.</summary>
    public required MetricRegistry Metrics { get; init; }

    /// <summary>Writes what runs now as one JSON object: gates, their file, version, since when, last error. Never a secret.</summary>
    public required Action<Utf8JsonWriter> WriteConfig { get; init; }

    /// <summary>What consumers have left of their limits.</summary>
    public required ConsumerLimits Limits { get; init; }

    /// <summary>The upstreams as they are now.</summary>
    public required LiveUpstreams Upstreams { get; init; }

    /// <summary>The routes as they run now.</summary>
    public required LiveRoutes Routes { get; init; }

    /// <summary>How the routes that run keep their budgets, in the order written.</summary>
    public required Func<IEnumerable<RouteBudget>> Budgets { get; init; }

    /// <summary>Reads the configuration anew and takes what is right; returns every problem.</summary>
    public required Func<Task<IReadOnlyList<ConfigProblem>>> ReloadAsync { get; init; }
}
