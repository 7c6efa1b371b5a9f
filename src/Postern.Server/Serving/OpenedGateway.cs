using System.Text.Json;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Edge.Budgeting;
using Postern.Edge.RateLimiting;
using Postern.Runtime;
using Postern.Server.Commands;

namespace Postern.Server.Serving;

/// <summary>The gateway of a configuration file, as the <c>run</c> command needs it: the one place that knows both sides.</summary>
internal static class OpenedGateway
{
    public static (Gateway? Gateway, IReadOnlyList<ConfigProblem> Problems) Open(string file, ILoggerFactory loggers, TimeProvider time) =>
        Open(file, null, loggers, time);

    /// <summary>The same, with what <paramref name="build"/> adds to the file at each reading.</summary>
    public static (Gateway? Gateway, IReadOnlyList<ConfigProblem> Problems) Open(
        string file, Action<GatewayBuilder>? build, ILoggerFactory loggers, TimeProvider time)
    {
        var logger = loggers.CreateLogger("Postern");
        var (runtime, problems) = GatewayRuntime.Start(() => ConfigOption.Load(file, build), logger, time);
        if (runtime is null)
        {
            return (null, problems);
        }
        runtime.Reloaded = new RestartNotice(runtime.Snapshot.Config, logger).Tell;
        var reloader = new ConfigReloader(runtime, logger, time);
        var config = runtime.Snapshot.Config;
        var options = config.Root.Written<GatewayOptions>();
        return (new Gateway
        {
            Listen = options.Listen ?? [new ListenOptions { Url = "http://127.0.0.1:8080" }],
            Admin = config.Root.Off.Contains("admin") ? null : options.Admin ?? new AdminOptions(),
            Drain = options.Drain ?? new DrainOptions(),
            Config = config,
            Files = config.Files,
            Gates = config.Gates.Count,
            Routes = config.Gates.Sum(g => g.Routes.Count),
            Handle = runtime.HandleAsync,
            Refuse = context => runtime.Snapshot.Unmatched(context),
            NotReady = () => runtime.State.NotReady,
            Metrics = runtime.Metrics,
            WriteConfig = json => WriteConfig(json, runtime),
            Limits = new ConsumerLimits(runtime.State, time),
            LiveUpstreams = new LiveUpstreams(runtime.State),
            LiveRoutes = new LiveRoutes(() => runtime.Snapshot.Gates, time, logger),
            Budgets = () => runtime.Snapshot.Gates.SelectMany(g => g.Table.Routes).SelectMany(r => r.Exposed).OfType<RouteBudget>(),
            Reload = runtime.Reload,
            StopAsync = async () =>
            {
                await reloader.DisposeAsync();
                runtime.Dispose();
            },
        }, problems);
    }

    private static void WriteConfig(Utf8JsonWriter json, GatewayRuntime runtime)
    {
        var snapshot = runtime.Snapshot;
        var failure = runtime.LastFailure;
        json.WriteStartObject();
        WriteList(json, "files", snapshot.Config.Files);
        json.WriteStartArray("gates");
        foreach (var gate in snapshot.Gates)
        {
            json.WriteStartObject();
            json.WriteString("name", gate.Config.Name);
            json.WriteString("owner", gate.Config.Own.Owner);
            json.WriteString("file", gate.Config.File ?? snapshot.Config.Files.FirstOrDefault());
            json.WriteNumber("version", gate.Version);
            json.WriteString("since", gate.Since);
            json.WriteNumber("routes", gate.Config.Routes.Count);
            WriteList(json, "upstreams", gate.Upstreams);
            WriteFailure(json, failure, gate.Config.Name);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        WriteFailure(json, failure, gate: null);
        json.WriteEndObject();
    }

    /// <summary>The last error of a gate, or (null) of what all gates share.</summary>
    private static void WriteFailure(Utf8JsonWriter json, FailedReload? failure, string? gate)
    {
        var errors = failure?.Errors.Where(e => e.Gate == gate).Select(e => e.ToString()).ToList() ?? [];
        if (errors.Count == 0)
        {
            json.WriteNull("lastError");
            return;
        }
        json.WriteStartObject("lastError");
        json.WriteString("at", failure!.At);
        WriteList(json, "problems", errors);
        json.WriteEndObject();
    }

    private static void WriteList(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }
        json.WriteEndArray();
    }
}
