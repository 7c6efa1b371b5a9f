using System.Globalization;
using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Wire;

namespace Postern.Transforms.FallingBack;

/// <summary>
/// What stands in for an upstream's failure: when, and with which answer. Whoever calls an upstream asks it before anything has
/// been answered; what <c>to</c> names is the caller's to ask.
/// </summary>
internal sealed class Fallback
{
    private readonly bool[] kinds = new bool[Enum.GetValues<FallbackCauseKind>().Length];
    private readonly StatusSet statuses;
    private readonly Counter?[] counters = new Counter?[600 + Enum.GetValues<FallbackCauseKind>().Length];
    private readonly Func<string, Counter> counter;

    private Fallback(RouteScope scope, FallbackOptions options)
    {
        Options = options;
        statuses = new StatusSet(options.On.Where(c => c.Kind == FallbackCauseKind.Status).Select(c => c.Statuses));
        foreach (var cause in options.On)
        {
            kinds[(int)cause.Kind] |= cause.Kind != FallbackCauseKind.Status;
        }
        if (options.To is null)
        {
            Fixed = FixedAnswer.Compile(scope, options, options.Status ?? 200, options.Headers, options.Body?.ToString() ?? options.File?.Text, TypeOf(options.File), Known(scope, options));
        }
        var (metrics, gate, route) = (MetricRegistry.Of(scope.State), scope.Gate.Name, scope.Label);
        counter = reason => metrics.Counter(
            "postern_fallbacks_total", "Requests answered by a fallback, by why.", ("gate", gate), ("route", route), ("reason", reason));
    }

    /// <summary>What was written.</summary>
    public FallbackOptions Options { get; }

    /// <summary>The answer, where it is a fixed one.</summary>
    public FixedAnswer? Fixed { get; }

    /// <summary>The route's fallback, or null for none.</summary>
    public static Fallback? Compile(RouteScope scope) =>
        scope.Options<FallbackSection>().Fallback is { } options ? Of(scope, options) : null;

    /// <summary>A fallback of a call that has one of its own.</summary>
    public static Fallback Of(RouteScope scope, FallbackOptions options) => new(scope, options);

    /// <summary>Of a gate's own fallback the parameters of all its routes: what one doesn't have is meant for another. Else null.</summary>
    private static IReadOnlyList<string>? Known(RouteScope scope, FallbackOptions options) => !ReferenceEquals(scope.Gate.Sections.Written<FallbackSection>().Fallback, options) ? null
        : [.. scope.Gate.Routes.SelectMany(r => PathTemplate.Parse(r.Template).Template?.Parameters ?? []).Distinct()];

    /// <summary>Why it stands in for a call that failed; null where it doesn't.</summary>
    public Reason? For(Exception e)
    {
        if (e is not UpstreamException failed || KindOf(failed.Failure) is not { } kind)
        {
            return null;
        }
        return For(failed.Failure, failed.Failure, failed.Message, failed.RetryAfter);
    }

    /// <summary>Why it stands in for an answer that couldn't be made; null where it doesn't.</summary>
    /// <param name="told">What the client would be told.</param>
    /// <param name="cause">The upstream's failure, where that was it.</param>
    /// <param name="why">For the log.</param>
    /// <param name="retryAfter">Seconds after which trying again may help.</param>
    public Reason? For(Failure told, Failure cause, string why, int? retryAfter)
    {
        var status = FailureTable.Of(told).Status;
        if (KindOf(cause) is { } kind && (kinds[(int)kind] || statuses.Has(status)))
        {
            return new Reason(FallbackCause.WordOf(kind), 600 + (int)kind, why, retryAfter);
        }
        return statuses.Has(status) ? new Reason(status.ToString(CultureInfo.InvariantCulture), status, why, retryAfter) : null;
    }

    /// <summary>Why it stands in for an answer; null where it doesn't.</summary>
    public Reason? For(UpstreamReply reply)
    {
        var status = (int)reply.StatusCode;
        return statuses.Has(status)
            ? new Reason(status.ToString(CultureInfo.InvariantCulture), status, $"the upstream answered {status}", null) : null;
    }

    /// <summary>It stands in: from here on answer, log and metrics say so.</summary>
    public void Begin(Exchange exchange, Reason reason)
    {
        (exchange.Fallback, exchange.FailureReason) = (reason.Word, reason.Why);
        exchange.AnswerFields.Remove("Postern-Fallback");
        exchange.AnswerFields.Add("Postern-Fallback", reason.Word);
        // Only what has happened has a series.
        (counters[reason.Index] ??= counter(reason.Word)).Add();
    }

    /// <summary>Gives the fixed answer.</summary>
    public Task AnswerAsync(HttpContext context, Reason reason, HeaderRules? rules)
    {
        var headers = context.Response.Headers;
        // What stands in for an answer must not be kept as if it were one.
        headers.CacheControl = "no-store";
        if (Fixed!.Status is 429 or 503 && reason.RetryAfter is { } seconds)
        {
            headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }
        return Fixed.WriteAsync(context, rules);
    }

    /// <summary>What it does, for <c>postern explain</c>.</summary>
    public string Describe(Exchange exchange) =>
        $"{(Fixed is null ? $"asks {Options.To}" : $"answers {Fixed.Describe(exchange)}")} on {string.Join(", ", Options.On)}";

    private static FallbackCauseKind? KindOf(Failure failure) => failure switch
    {
        Failure.UpstreamUnreachable => FallbackCauseKind.Connect,
        Failure.UpstreamTimeout => FallbackCauseKind.Timeout,
        Failure.UpstreamGone or Failure.UpstreamProtocol => FallbackCauseKind.Reset,
        Failure.UpstreamOpen => FallbackCauseKind.Open,
        Failure.UpstreamFull or Failure.UpstreamBusy => FallbackCauseKind.Full,
        Failure.UpstreamEmpty => FallbackCauseKind.Empty,
        _ => null,
    };

    private static string? TypeOf(FileText? file) => file is null ? null : Path.GetExtension(file.Path).ToLowerInvariant() switch
    {
        ".html" or ".htm" => "text/html; charset=utf-8",
        ".json" => "application/json",
        ".xml" => "application/xml",
        ".svg" => "image/svg+xml",
        _ => null,
    };

    /// <summary>Why a fallback stands in.</summary>
    /// <param name="Word">For the client, logs and metrics: <c>timeout</c>, <c>503</c>.</param>
    /// <param name="Index">Its place among the counters.</param>
    /// <param name="Why">For the log alone.</param>
    /// <param name="RetryAfter">Seconds after which trying again may help; null where nobody knows.</param>
    public sealed record Reason(string Word, int Index, string Why, int? RetryAfter);
}
