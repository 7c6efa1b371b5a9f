using Microsoft.Extensions.Logging;
using Postern.Config;

namespace Postern.Server.Serving;

/// <summary>
/// Says after a reload which keys have changed without effect: sockets that are open stay as they are, so the listeners,
/// the admin port and the drain are those of the start.
/// </summary>
internal sealed partial class RestartNotice(GatewayConfig started, ILogger logger)
{
    private readonly GatewayOptions first = started.Root.Written<GatewayOptions>();
    private readonly bool adminOff = started.Root.Off.Contains("admin");
    private string told = "";

    /// <summary>Says it once for each change, not again with every reload.</summary>
    public void Tell(Runtime.GatewaySnapshot snapshot)
    {
        var now = snapshot.Config.Root.Written<GatewayOptions>();
        List<string> changed = [];
        if (!(first.Listen ?? []).SequenceEqual(now.Listen ?? []))
        {
            changed.Add("listen");
        }
        if (first.Admin != now.Admin || adminOff != snapshot.Config.Root.Off.Contains("admin"))
        {
            changed.Add("admin");
        }
        if (first.Drain != now.Drain)
        {
            changed.Add("drain");
        }
        var keys = string.Join(", ", changed);
        if (keys.Length > 0 && keys != told)
        {
            LogRestart(logger, keys);
        }
        told = keys;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Changed, but takes effect after a restart only: {Keys}")]
    private static partial void LogRestart(ILogger logger, string keys);
}
