using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Pipeline;

namespace Postern.Upstreams.Bulkheads;

/// <summary>One upstream's calls in progress. It outlives reloads: what began under the old configuration counts under the new one's bounds.</summary>
internal sealed partial class Bulkhead(string upstream, Admission admission, TimeProvider time) : ILive, IStatus
{
    private readonly Spell full = new(time);
    private ILogger logger = NullLogger.Instance;

    /// <summary>Counts them.</summary>
    public Admission Admission => admission;

    /// <inheritdoc/>
    public string Upstream => upstream;

    /// <inheritdoc/>
    public string? NotReady => null;

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger) => this.logger = logger;

    /// <inheritdoc/>
    public void Dispose() { }

    /// <summary>A call was refused.</summary>
    public void Refused()
    {
        if (full.Begins())
        {
            LogFull(logger, upstream, admission.Limit);
        }
    }

    /// <summary>A call was let in.</summary>
    public void LetIn()
    {
        if (full.IsOn && full.Ends(out var calls))
        {
            LogRoom(logger, upstream, calls);
        }
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("bulkhead"u8);
        json.WriteNumber("calls"u8, admission.InProgress);
        json.WriteNumber("limit"u8, admission.Limit);
        json.WriteNumber("waiting"u8, admission.Waiting);
        json.WriteBoolean("refusing"u8, full.IsOn);
        json.WriteEndObject();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upstream {Upstream}: {Calls} calls are in progress, as many as may be; more are refused")]
    private static partial void LogFull(ILogger logger, string upstream, int calls);

    [LoggerMessage(Level = LogLevel.Information, Message = "Upstream {Upstream}: there is room for calls again, after {Refused} were refused")]
    private static partial void LogRoom(ILogger logger, string upstream, int refused);
}
