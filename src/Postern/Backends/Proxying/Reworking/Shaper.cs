using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;
using Postern.Transforms.Locales;
using Postern.Transforms.Shaping;
using Postern.Wire;

namespace Postern.Backends.Proxying.Reworking;

/// <summary>A route's <c>shape</c>, with what its expressions ask of the request; counts what they can't work out.</summary>
internal sealed partial class Shaper
{
    private const int BetweenWarnings = 60_000;

    /// <summary>What two callers of the same URL have differently, and no <c>Vary</c> tells in full.</summary>
    private static readonly string[] OfCallers = ["headers", "cookies", "claims", "consumer"];

    private readonly Shape shape;
    private readonly LocaleChoice locales;
    private readonly IReadOnlyList<string> parameters;
    private readonly Counter failed;
    private readonly ILogger logger;
    private readonly string route;
    private readonly bool isOfCaller;
    private long toldAt = Environment.TickCount64 - BetweenWarnings;

    private Shaper(RouteScope scope, Shape shape)
    {
        (this.shape, parameters, logger, route) = (shape, scope.Template.Parameters, scope.Logger, scope.Label);
        locales = LocaleChoice.Compile(scope, shape.UsesLocale);
        isOfCaller = shape.Variables.Overlaps(OfCallers);
        MostBytes = scope.Options<ShapeSection>().MostBytes;
        failed = MetricRegistry.Of(scope.State).Counter(
            "postern_shape_fields_failed_total", "Fields that are null because their expression couldn't be worked out.", ("gate", scope.Gate.Name), ("route", scope.Label));
    }

    /// <summary>How much is read of an answer, and how much may become of it.</summary>
    public int MostBytes { get; }

    /// <summary>The route's, or null where it has no shape.</summary>
    public static Shaper? Compile(RouteScope scope)
    {
        if (Shape.Compile(scope) is not { } shape)
        {
            return null;
        }
        if (shape.Variables.Contains("body"))
        {
            scope.Check.Error(scope.Options<ShapeSection>(), "shape", "$body isn't known here, because a request's body goes on to the upstream as it comes; leave it out, or write compose: instead of to:");
        }
        var shaper = new Shaper(scope, shape);
        scope.Note("shape", $"the whole answer is read, up to {new ByteSize(shaper.MostBytes)}, and shaped");
        return shaper;
    }

    /// <summary>Writes the shape of an answer; or says why it can't be.</summary>
    public string? Write(HttpContext context, Exchange exchange, in JsonValue root, JsonOutput output)
    {
        using var variables = shape.Variables.Count == 0 ? null : new RequestVariables(context, exchange, parameters);
        var evaluation = new Evaluation(variables) { Locale = locales.Pick(context) };
        shape.Write(root, evaluation, output);
        if (evaluation.Failed > 0)
        {
            failed.Add(evaluation.Failed);
            Warn(evaluation.WhyFailed!);
        }
        return evaluation.IsSpent ? "takes more work to shape than may be" : output.IsFull ? $"has a shape of more than maxBytes ({new ByteSize(MostBytes)})" : null;
    }

    /// <summary>Says in the answer's head what of the request it depends on. The service didn't know, and may have called it public.</summary>
    public void Tell(FieldList answer)
    {
        locales.Tell(answer);
        if (isOfCaller)
        {
            // RFC 9111 §4.2.1: of directives that contradict each other the stricter holds.
            answer.Add("Cache-Control", "private");
        }
    }

    private void Warn(string why)
    {
        var (told, now) = (Volatile.Read(ref toldAt), Environment.TickCount64);
        if (now - told >= BetweenWarnings && Interlocked.CompareExchange(ref toldAt, now, told) == told)
        {
            LogFailed(logger, route, why);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Route}: fields are null because an expression couldn't be worked out: {Why}. Told once a minute at most")]
    private static partial void LogFailed(ILogger logger, string route, string why);
}
