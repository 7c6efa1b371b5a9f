using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Transforms;
using Postern.Transforms.Trimming;

namespace Postern.Backends.Proxying.Reworking;

/// <summary>
/// What a route does to the JSON that comes back. That something never reaches the client is a promise, so what can't be read
/// doesn't either: a 2xx that isn't JSON, or a body in a coding that nobody asked for, is no answer.
/// </summary>
internal sealed class Rework
{
    private readonly Trimmer? trimmer;
    private readonly Shaper? shaper;
    private readonly Counter read, written;
    private readonly Func<string, Counter> refused;

    private Rework(RouteScope scope, Trimmer? trimmer, Shaper? shaper)
    {
        (this.trimmer, this.shaper) = (trimmer, shaper);
        var (metrics, gate, route) = (MetricRegistry.Of(scope.State), scope.Gate.Name, scope.Label);
        read = metrics.Counter("postern_rework_read_bytes_total", "Bytes of upstreams' JSON that was trimmed or shaped.", ("gate", gate), ("route", route));
        written = metrics.Counter("postern_rework_written_bytes_total", "Bytes that were left of it.", ("gate", gate), ("route", route));
        refused = reason => metrics.Counter(
            "postern_rework_failures_total", "Answers of upstreams that could not be trimmed or shaped, by why.", ("gate", gate), ("route", route), ("reason", reason));
    }

    /// <summary>The route's, or null where answers pass as they are.</summary>
    public static Rework? Compile(RouteScope scope)
    {
        var trimmer = Trimmer.Compile(scope);
        if (trimmer is not null)
        {
            scope.Note("trim", trimmer.ToString());
        }
        var shaper = Shaper.Compile(scope);
        return trimmer is null && shaper is null ? null : new Rework(scope, trimmer, shaper);
    }

    /// <summary>Asks the upstream for the whole of its answer, as it is.</summary>
    public void Ask(UpstreamCall call) => BodyFields.RemoveFrom(call.Fields, call.Method);

    /// <summary>Whether the answer doesn't pass as it is. Events are a stream without an end, and pass.</summary>
    public bool Takes(UpstreamCall call, UpstreamReply reply)
    {
        var status = (int)reply.StatusCode;
        if (!reply.HasBody || status == StatusCodes.Status205ResetContent)
        {
            // What stands in the head of no body may still speak of one.
            return status == StatusCodes.Status304NotModified || (call.Method == HttpMethod.Head && Takes(status));
        }
        return Takes(status) && (status < 300 ? !MediaTypes.IsEventStream(reply.Fields) : MediaTypes.IsJson(reply.Fields) || MayBeJson(reply));
    }

    /// <summary>Sends the answer on. What failed is given back: where nothing has reached the client, something else can answer.</summary>
    public async Task<UpstreamException?> RelayAsync(HttpContext context, Exchange exchange, UpstreamCall call, UpstreamReply reply, HeaderRules? rules)
    {
        if (!reply.HasBody)
        {
            shaper?.Tell(reply.Fields);
            ResponseHead.Copy(context, exchange, reply, rules, reworked: true);
            return null;
        }
        var status = (int)reply.StatusCode;
        var guessed = !IsGood(status) && !MediaTypes.IsJson(reply.Fields);
        if (!guessed && Refusal(reply) is { } refusal)
        {
            refused(refusal.Reason).Add();
            return new UpstreamException(Failure.UpstreamProtocol, refusal.Why);
        }
        ReworkedAnswer answer = shaper is not null && IsGood(status)
            ? new ShapedAnswer(context, exchange, call, reply, rules, trimmer?.Begin(status), shaper)
            : new TrimmedAnswer(context, exchange, call, reply, rules, trimmer!.Begin(status), guessed);
        var failed = await answer.RelayAsync();
        read.Add(answer.BytesRead);
        written.Add(answer.BytesWritten);
        if (failed is not null)
        {
            refused(answer.Reason).Add();
        }
        return failed;
    }

    /// <summary>Of an error that says something else: its first sign tells. In a coding it has none.</summary>
    private static bool MayBeJson(UpstreamReply reply) => reply.Fields.Find("Content-Encoding") is null && !MediaTypes.IsEventStream(reply.Fields);

    private bool Takes(int status) => trimmer?.Takes(status) == true || (shaper is not null && IsGood(status));

    private static bool IsGood(int status) => status is >= 200 and < 300;

    /// <summary>Why an answer can't be read, as far as its head tells; null where it may be.</summary>
    private static (string Reason, string Why)? Refusal(UpstreamReply reply)
    {
        if (!MediaTypes.IsJson(reply.Fields))
        {
            return ("type", $"the upstream answered {(int)reply.StatusCode} with {MediaTypes.Quote(reply.Fields.Find("Content-Type"))} instead of the JSON that this route looks into");
        }
        if (reply.Fields.Find("Content-Encoding") is { } coding && !coding.Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            return ("encoding", $"the upstream answered in the coding {MediaTypes.Quote(coding)}, which nobody asked for");
        }
        return (int)reply.StatusCode == StatusCodes.Status206PartialContent ? ("part", "the upstream answered with a part (206), which nobody asked for") : null;
    }
}
