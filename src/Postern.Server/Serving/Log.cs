using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Postern.Server.Serving;

/// <summary>The tool's own log. It goes to standard error: standard output is the access log's.</summary>
internal static class Log
{
    public static ILoggerFactory ToStandardError() => LoggerFactory.Create(logging => logging
        .SetMinimumLevel(LogLevel.Warning)
        .AddFilter("Postern", LogLevel.Information)
        .AddConsoleFormatter<Lines, ConsoleFormatterOptions>()
        .AddConsole(o =>
        {
            o.FormatterName = nameof(Lines);
            o.LogToStandardErrorThreshold = LogLevel.Trace;
            // A reader of the log that has stopped reading must not stop the gateway.
            o.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
        }));

    /// <summary>Time, level, message; the category where it isn't Postern's own. Configuration errors keep their lines.</summary>
    private sealed class Lines() : ConsoleFormatter(nameof(Lines))
    {
        public override void Write<TState>(in LogEntry<TState> entry, IExternalScopeProvider? scopes, TextWriter output)
        {
            output.Write(TimeProvider.System.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ ", System.Globalization.CultureInfo.InvariantCulture));
            output.Write(entry.LogLevel switch
            {
                LogLevel.Critical => "critical ",
                LogLevel.Error => "error    ",
                LogLevel.Warning => "warning  ",
                _ => "info     ",
            });
            if (entry.Category != "Postern")
            {
                output.Write($"{entry.Category}: ");
            }
            output.WriteLine(entry.Formatter(entry.State, entry.Exception));
            if (entry.Exception is not null)
            {
                output.WriteLine(entry.Exception);
            }
        }
    }
}
