using Microsoft.Extensions.Logging;
using Postern.Config.Yaml;

namespace Postern.Runtime;

/// <summary>
/// Sees that a file of the configuration changed, and reloads. It reads the files and compares their text: that holds for
/// a save in place, an atomic rename, and Kubernetes' swap of a symlinked directory alike, on every file system, where
/// change notifications each miss one of them. A change counts once two looks in a row have seen the same.
/// </summary>
internal sealed partial class ConfigReloader : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private readonly GatewayRuntime runtime;
    private readonly ILogger logger;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource stopped = new();
    private readonly Task watching;

    public ConfigReloader(GatewayRuntime runtime, ILogger logger, TimeProvider time)
    {
        (this.runtime, this.logger, this.time) = (runtime, logger, time);
        watching = Task.Run(WatchAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await stopped.CancelAsync();
        await watching;
        stopped.Dispose();
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(Interval, time);
        Dictionary<string, string>? seen = null;
        try
        {
            while (await timer.WaitForNextTickAsync(stopped.Token))
            {
                var taken = runtime.Loaded.Texts;
                var now = taken.ToDictionary(f => f.Key, f => IsFile(f.Key) ? ConfigFile.Peek(f.Key, f.Value) : f.Value);
                if (Same(now, taken))
                {
                    seen = null;
                }
                else if (seen is not null && Same(now, seen))
                {
                    seen = null;
                    Reload();
                }
                else
                {
                    seen = now;
                }
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>A fault in a reload (C# of the host takes part in it) must not end the watch.</summary>
    private void Reload()
    {
        try
        {
            runtime.Reload();
        }
        catch (Exception e)
        {
            LogFailed(logger, e);
        }
    }

    /// <summary>What a shell hands over as a pipe (<c>/dev/fd/63</c>) can be read once only.</summary>
    private static bool IsFile(string path) =>
        !path.StartsWith("/dev/", StringComparison.Ordinal) && !path.StartsWith("/proc/", StringComparison.Ordinal);

    private static bool Same(IReadOnlyDictionary<string, string> a, IReadOnlyDictionary<string, string> b) =>
        a.Count == b.Count && a.All(f => b.TryGetValue(f.Key, out var text) && text == f.Value);

    [LoggerMessage(Level = LogLevel.Error, Message = "A reload failed; what ran before runs on")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
