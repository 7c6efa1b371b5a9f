using Postern.Config.Yaml;

namespace Postern.Runtime;

/// <summary>
/// Sees that a file of the configuration changed, and reloads. It reads the files and compares their text: that holds for
/// a save in place, an atomic rename, and Kubernetes' swap of a symlinked directory alike, on every file system, where
/// change notifications each miss one of them. A change counts once two looks in a row have seen the same.
/// </summary>
internal sealed class ConfigReloader : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private readonly GatewayRuntime runtime;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource stopped = new();
    private readonly Task watching;

    public ConfigReloader(GatewayRuntime runtime, TimeProvider time)
    {
        (this.runtime, this.time) = (runtime, time);
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
                var now = taken.Keys.ToDictionary(f => f, ConfigFile.Peek);
                if (Same(now, taken))
                {
                    seen = null;
                }
                else if (seen is not null && Same(now, seen))
                {
                    seen = null;
                    runtime.Reload();
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

    private static bool Same(IReadOnlyDictionary<string, string> a, IReadOnlyDictionary<string, string> b) =>
        a.Count == b.Count && a.All(f => b.TryGetValue(f.Key, out var text) && text == f.Value);
}
