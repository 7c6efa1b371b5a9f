using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Server.Administering;
using Postern.Server.Commands;
using Postern.Server.Listening;

namespace Postern.Server.Serving;

/// <summary><c>postern run</c>: reads, listens, serves until told to stop, drains. Exit 0 after a drain, 1 where it can't begin.</summary>
internal sealed partial class RunCommand(OpenGateway open, TextWriter error, TimeProvider time)
{
    public static Command Create(OpenGateway open, TextWriter error, TimeProvider time)
    {
        var config = ConfigOption.Create();
        var command = new Command("run", """
            Serve a configuration. SIGHUP reloads it; SIGTERM and Ctrl-C drain and end.

            Example: postern run --config postern.yaml
            """) { config };
        command.SetAction((parsed, _) => new RunCommand(open, error, time).RunAsync(parsed.GetValue(config)!));
        return command;
    }

    public async Task<int> RunAsync(string file)
    {
        using var loggers = Log.ToStandardError();
        var logger = loggers.CreateLogger("Postern");
        var (gateway, problems) = open(file, loggers, time);
        foreach (var problem in problems)
        {
            await error.WriteLineAsync(problem.ToString());
        }
        if (gateway is null)
        {
            return 1;
        }
        try
        {
            using var signals = new Signals(() => Reload(gateway, logger), Environment.Exit);
            return await ServeAsync(gateway, signals.Stopping, loggers, logger);
        }
        catch (ListenException e)
        {
            await error.WriteLineAsync(e.Message);
            return 1;
        }
        finally
        {
            await gateway.StopAsync();
        }
    }

    /// <summary>Everything between opening the listeners and the end of the drain.</summary>
    internal async Task<int> ServeAsync(Gateway gateway, Task stopping, ILoggerFactory loggers, ILogger logger, Action<IReadOnlyList<string>, string?>? started = null)
    {
        await using var traffic = new TrafficServer(gateway.Listen, gateway.Handle, loggers, time, gateway.Refuse, gateway.Metrics);
        var drain = new Drain(traffic, gateway.Drain, time);
        await traffic.StartAsync();
        await using var admin = gateway.Admin is null ? null : new AdminServer(gateway.Admin, new AdminSource
        {
            NotReady = () => drain.Began ? "draining" : gateway.NotReady(),
            Metrics = gateway.Metrics,
            WriteConfig = gateway.WriteConfig,
            Limits = gateway.Limits,
            Upstreams = gateway.LiveUpstreams,
            Routes = gateway.LiveRoutes,
            Budgets = gateway.Budgets,
            // Reading and compiling takes its time, which is not an I/O thread's.
            ReloadAsync = () => Task.Run(gateway.Reload),
        }, loggers, time);
        if (admin is not null)
        {
            await StartAsync(admin);
        }
        await error.WriteAsync(Banner(gateway, traffic.Urls, admin?.Url));
        started?.Invoke(traffic.Urls, admin?.Url);
        await stopping;
        LogDraining(logger, Scalars.Format(gateway.Drain.Delay), Scalars.Format(gateway.Drain.Timeout));
        if (!await drain.RunAsync())
        {
            LogCut(logger);
        }
        return 0;
    }

    private static async Task StartAsync(AdminServer admin)
    {
        try
        {
            await admin.StartAsync();
        }
        catch (ListenException e)
        {
            throw new ListenException($"admin port {e.Message}", e);
        }
    }

    private static string Banner(Gateway gateway, IReadOnlyList<string> urls, string? admin) => string.Create(CultureInfo.InvariantCulture, $"""
        read       {string.Join(", ", gateway.Files)}
        listening  {string.Join(", ", urls)}
        serving    {gateway.Gates} {(gateway.Gates == 1 ? "gate" : "gates")}, {gateway.Routes} {(gateway.Routes == 1 ? "route" : "routes")}
        admin      {admin ?? "off"}

        """);

    private static void Reload(Gateway gateway, ILogger logger)
    {
        try
        {
            // What was taken and what was not is logged by the gateway.
            gateway.Reload();
        }
        catch (Exception e)
        {
            LogReloadFailed(logger, e);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Draining: not ready; serving for {Delay}, then letting requests in flight end within {Timeout}")]
    private static partial void LogDraining(ILogger logger, string delay, string timeout);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The drain's time-out has passed; what was still in flight was cut")]
    private static partial void LogCut(ILogger logger);

    [LoggerMessage(Level = LogLevel.Error, Message = "The reload failed")]
    private static partial void LogReloadFailed(ILogger logger, Exception exception);
}
