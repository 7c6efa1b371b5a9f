using Microsoft.Extensions.Logging;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Transforms.JmesPath;

namespace Postern.Backends.Composing;

/// <summary>What an operator is told of one route's answers: how many lack something, and what should be looked at.</summary>
internal sealed partial class OutcomeReport
{
    private const long Minute = 60_000;

    private readonly Counter partial, unshaped;
    private readonly ILogger logger;
    private readonly string label;
    // Due at once: the first time is told.
    private long toldAt = Environment.TickCount64 - Minute;

    public OutcomeReport(RouteScope scope)
    {
        (logger, label) = (scope.Logger, scope.Label);
        var (metrics, gate, route) = (MetricRegistry.Of(scope.State), scope.Gate.Name, scope.Label);
        partial = metrics.Counter("postern_partial_answers_total", "Composed answers in which something is missing.", ("gate", gate), ("route", route));
        unshaped = metrics.Counter("postern_shape_fields_failed_total", "Fields that are null because their expression couldn't be worked out.", ("gate", gate), ("route", route));
    }

    /// <summary>An answer is about to be sent.</summary>
    public void Answered(SourceOutcomes outcomes, Evaluation? evaluation)
    {
        if (outcomes.IsPartial)
        {
            partial.Add();
        }
        if (evaluation is { Failed: > 0 and var fields })
        {
            unshaped.Add(fields);
        }
    }

    /// <summary>What an operator should look at, once a minute at most: a source whose answers can't be used, expressions that don't fit.</summary>
    public void Warn(SourceOutcomes outcomes, Evaluation? evaluation)
    {
        var unusable = outcomes.Unusable;
        var failed = evaluation is { Failed: > 0 } ? evaluation.WhyFailed : null;
        if (unusable is null && failed is null)
        {
            return;
        }
        var (told, now) = (Volatile.Read(ref toldAt), Environment.TickCount64);
        if (now - told < Minute || Interlocked.CompareExchange(ref toldAt, now, told) != told)
        {
            return;
        }
        if (unusable is { } source)
        {
            LogUnusable(logger, label, source.Name, source.Why);
        }
        if (failed is not null)
        {
            LogUnshaped(logger, label, failed);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Route}: the answer of source {Source} can't be used: {Why}. Told once a minute at most")]
    private static partial void LogUnusable(ILogger logger, string route, string source, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Route}: fields are null because an expression couldn't be worked out: {Why}. Told once a minute at most")]
    private static partial void LogUnshaped(ILogger logger, string route, string why);
}
