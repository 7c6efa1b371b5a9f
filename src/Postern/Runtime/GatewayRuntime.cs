using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Config.Yaml;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Wire;

namespace Postern.Runtime;

/// <summary>
/// The running gateway: one snapshot, exchanged as a whole. A request takes it once, so a reload never changes the rules
/// under a request that has begun.
/// </summary>
internal sealed partial class GatewayRuntime : IDisposable
{
    private readonly Func<LoadedConfig> source;
    private readonly ILogger logger;
    private readonly TimeProvider time;
    private readonly HostParts parts;
    private readonly Lock reloading = new();
    private volatile GatewaySnapshot snapshot;

    private GatewayRuntime(Func<LoadedConfig> source, StatePool state, GatewaySnapshot snapshot, LoadedConfig loaded, ILogger logger, TimeProvider time, HostParts parts)
    {
        (this.source, State, this.snapshot, Loaded, this.logger, this.time, this.parts) = (source, state, snapshot, loaded, logger, time, parts);
    }

    /// <summary>What runs now.</summary>
    public GatewaySnapshot Snapshot => snapshot;

    /// <summary>What was read last, good or not.</summary>
    public LoadedConfig Loaded { get; private set; }

    /// <summary>What outlives reloads.</summary>
    public StatePool State { get; }

    /// <summary>The numbers behind <c>/metrics</c>.</summary>
    public required MetricRegistry Metrics { get; init; }

    /// <summary>Told of each snapshot that a reload brought, after it has begun to serve.</summary>
    public Action<GatewaySnapshot>? Reloaded { get; set; }

    /// <summary>The last reload that was not taken as a whole; null once one was.</summary>
    public FailedReload? LastFailure { get; private set; }

    /// <summary>Reads and compiles for the first time. With any error there is no gateway, only the problems.</summary>
    public static (GatewayRuntime? Runtime, IReadOnlyList<ConfigProblem> Problems) Start(Func<LoadedConfig> source, ILogger logger, TimeProvider time, HostParts? parts = null)
    {
        parts ??= new HostParts();
        var loaded = source();
        var state = new StatePool();
        var compiled = new GatewayCompiler(loaded.Config, loaded.Check, state, time, logger, last: null) { Parts = parts }.Compile();
        var problems = loaded.Check.Problems;
        if (compiled is null || problems.Any(p => !p.IsWarning))
        {
            state.Abandon();
            return (null, problems);
        }
        var runtime = new GatewayRuntime(source, state, compiled, loaded, logger, time, parts) { Metrics = MetricRegistry.Of(state) };
        state.Start(time, logger);
        state.Commit();
        ProcessMetrics.Register(runtime.Metrics);
        runtime.Report();
        return (runtime, problems);
    }

    /// <summary>Answers one request. The exchange is the server's, or made here in another host's pipeline.</summary>
    public Task HandleAsync(HttpContext context)
    {
        var exchange = context.Features.Get<Exchange>();
        if (exchange is null)
        {
            exchange = new Exchange();
            context.Features.Set(exchange);
        }
        var current = snapshot;
        var raw = exchange.RawTarget ?? context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        if (raw.Length == 0)
        {
            // A server in memory, as hosts' tests have them, received nothing that could be kept as it was.
            raw = context.Request.GetEncodedPathAndQuery();
        }
        if (!RequestTarget.TrySplit(raw, out var path, out var query))
        {
            if (raw is "" or "*")
            {
                return Refuse(current, context, exchange, Failure.NotFound);
            }
            exchange.FailureReason = "The request's target is neither a path nor a URL of this gateway.";
            return Refuse(current, context, exchange, Failure.BadRequest);
        }
        (exchange.Path, exchange.Query) = (path, query);
        exchange.Reserved = current.Reserved;
        current.Reserved.RemoveFrom(context.Request.Headers);
        var faults = RequestTarget.Inspect(path, query) & ~exchange.Allowed;
        if (faults != PathFaults.None)
        {
            exchange.FailureReason = RequestTarget.Describe(faults);
            return Refuse(current, context, exchange, Failure.BadPath);
        }
        return current.Choose(context, exchange)(context);
    }

    /// <summary>
    /// Reads and compiles anew and exchanges the snapshot. What all gates share is taken or kept as a whole; a gate with
    /// an error keeps its last good one. Returns every problem.
    /// </summary>
    public IReadOnlyList<ConfigProblem> Reload()
    {
        lock (reloading)
        {
            var loaded = Loaded = source();
            var before = snapshot;
            var compiled = new GatewayCompiler(loaded.Config, loaded.Check, State, time, logger, before) { Parts = parts }.Compile();
            var problems = loaded.Check.Problems;
            var errors = problems.Where(p => !p.IsWarning).ToList();
            Metrics.Counter("postern_reloads_total", "Reloads by what became of them.",
                ("outcome", errors.Count == 0 ? "taken" : compiled is null ? "kept" : "partly")).Add();
            LastFailure = errors.Count == 0 ? null : new FailedReload(time.GetUtcNow(), errors);
            if (compiled is null)
            {
                State.Abandon();
                RouteCompiler.Keep(loaded.Config, loaded.Check, State);
                LogKept(logger, Environment.NewLine + string.Join(Environment.NewLine, errors));
                return problems;
            }
            State.Start(time, logger);
            snapshot = compiled;
            State.Commit();
            Report();
            LogReloaded(logger, string.Join(", ", compiled.Gates.Select(g => $"{g.Config.Name} v{g.Version}")));
            Tell(problems, compiled);
            Reloaded?.Invoke(compiled);
            return problems;
        }
    }

    public void Dispose()
    {
        lock (reloading)
        {
            // Nothing is asked for any more, so everything is retired.
            State.Commit();
        }
    }

    private void Tell(IReadOnlyList<ConfigProblem> problems, GatewaySnapshot compiled)
    {
        foreach (var gate in problems.Where(p => !p.IsWarning).GroupBy(e => e.Gate))
        {
            var lines = Environment.NewLine + string.Join(Environment.NewLine, gate);
            if (compiled.Gates.Any(g => g.Config.Name == gate.Key))
            {
                LogGateKept(logger, gate.Key, lines);
            }
            else
            {
                LogGateMissing(logger, gate.Key, lines);
            }
        }
        foreach (var warning in problems.Where(p => p.IsWarning))
        {
            LogWarning(logger, warning);
        }
    }

    /// <summary>Which version each gate runs, and whether it is an older one than was asked for.</summary>
    private void Report()
    {
        foreach (var name in snapshot.Gates.Select(g => g.Config.Name))
        {
            Metrics.Gauge("postern_gate_version", "Configurations a gate has run, counted from 1.",
                () => snapshot.Gates.FirstOrDefault(g => g.Config.Name == name)?.Version ?? 0, ("gate", name));
            Metrics.Gauge("postern_gate_stale", "1 while a gate runs its last good configuration because the newest has errors.",
                () => LastFailure?.Errors.Any(e => e.Gate is null || e.Gate == name) == true ? 1 : 0, ("gate", name));
        }
    }

    private static Task Refuse(GatewaySnapshot current, HttpContext context, Exchange exchange, Failure failure)
    {
        exchange.Failure = failure;
        return current.Unmatched(context);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Configuration reloaded: {Gates}")]
    private static partial void LogReloaded(ILogger logger, string gates);

    [LoggerMessage(Level = LogLevel.Error, Message = "Configuration not taken, the last good one goes on:{Problems}")]
    private static partial void LogKept(ILogger logger, string problems);

    [LoggerMessage(Level = LogLevel.Error, Message = "Gate {Gate} keeps its last good configuration:{Problems}")]
    private static partial void LogGateKept(ILogger logger, string? gate, string problems);

    [LoggerMessage(Level = LogLevel.Error, Message = "Gate {Gate} is new and has errors, so it does not serve yet:{Problems}")]
    private static partial void LogGateMissing(ILogger logger, string? gate, string problems);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Problem}")]
    private static partial void LogWarning(ILogger logger, ConfigProblem problem);
}

/// <summary>A reload that was not taken, wholly or for some gates.</summary>
internal sealed record FailedReload(DateTimeOffset At, IReadOnlyList<ConfigProblem> Errors);
