using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Wire;

namespace Postern.Backends.Proxying.Mirroring;

/// <summary>
/// Sends copies of requests to another upstream and reads their answers to nowhere. A copy has nothing of the request's own: it is
/// made before the request is sent, goes out on another thread, and is dropped where too many are under way, so that however
/// the mirror does, the request does as without it.
/// </summary>
internal sealed class Mirror
{
    /// <summary>How long a copy may take, answer included.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

    /// <summary>How much of an answer is read so that its connection can be used again.</summary>
    private const int MostRead = 1 << 20;

    private readonly Target target;
    private readonly double share;
    private readonly int mostAtOnce, mostBody;
    private readonly CallCount inFlight;
    private readonly Counter answered, failed, full, tooLarge, cut;
    private uint count = uint.MaxValue;

    public Mirror(RouteScope scope, MirrorOptions options, Target target)
    {
        this.target = target;
        (share, mostAtOnce, mostBody) = (options.Sample.Share, options.MaxConcurrent, (int)options.MaxBody.Bytes);
        var (gate, upstream, metrics) = (scope.Gate.Name, target.Upstream.Name, MetricRegistry.Of(scope.State));
        inFlight = scope.State.Keep("mirror", $"{gate} {upstream}", static () => new CallCount());
        (answered, failed, full, tooLarge, cut) = (Outcome("answered"), Outcome("failed"), Outcome("full"), Outcome("too-large"), Outcome("cut"));
        metrics.Gauge("postern_upstream_mirrors_in_progress", "Copies of requests under way to an upstream.", () => inFlight.Value, ("gate", gate), ("upstream", upstream));

        Counter Outcome(string outcome) => metrics.Counter(
            "postern_upstream_mirrors_total", "Requests chosen to be copied to an upstream, by what became of the copy.", ("gate", gate), ("upstream", upstream), ("outcome", outcome));
    }

    /// <summary>Copies the request if it is its turn. Called when the call is ready and not yet sent.</summary>
    public void Copy(HttpContext context, Exchange exchange, UpstreamCall call)
    {
        if (share < 1 && Points.Of(Interlocked.Increment(ref count), Points.RootOfThree) >= share)
        {
            return;
        }
        // A connection can't be copied; and a copy of a copy would go round in circles that grow.
        if (call.Upgrade is not null || context.Request.Headers.ContainsKey(HopByHop.Mirrored))
        {
            return;
        }
        if (call.BodyLength > mostBody)
        {
            tooLarge.Add();
            return;
        }
        inFlight.Enter();
        if (inFlight.Value > mostAtOnce)
        {
            inFlight.Leave();
            full.Add();
            return;
        }
        var copy = CopyHead(exchange, call);
        if (call.Body is null)
        {
            copy.BodyLength = call.BodyLength;
            Begin(copy);
            return;
        }
        var body = new CopiedBody(call.Body, call.BodyLength, mostBody, (body, how) => End(copy, body, how));
        exchange.Hold(body, "");
        call.Body = body;
    }

    /// <summary>The head in a list of its own: the request's serves the next one as soon as this one has its answer.</summary>
    private UpstreamCall CopyHead(Exchange exchange, UpstreamCall call)
    {
        var copy = new UpstreamCall
        {
            Method = call.Method,
            Target = target.Url.Fill(exchange),
            Host = call.Host,
            FieldsAreChecked = call.FieldsAreChecked,
        };
        foreach (ref readonly var field in call.Fields.Fields)
        {
            copy.Fields.Add(field.Name, field.Value);
        }
        copy.Fields.Remove(HopByHop.Mirrored);
        copy.Fields.Add(HopByHop.Mirrored, "1");
        return copy;
    }

    /// <summary>The copy of a body has ended.</summary>
    private void End(UpstreamCall copy, CopiedBody body, CopyEnd how)
    {
        if (how == CopyEnd.Whole)
        {
            copy.Body = PipeReader.Create(new ReadOnlySequence<byte>(body.Copy));
            copy.BodyLength = body.Copy.Length;
            Begin(copy);
            return;
        }
        inFlight.Leave();
        (how == CopyEnd.TooLarge ? tooLarge : cut).Add();
    }

    /// <summary>Not on this thread, which is the request's.</summary>
    private void Begin(UpstreamCall copy) => ThreadPool.UnsafeQueueUserWorkItem(
        static begun => _ = begun.Mirror.SendAsync(begun.Copy, begun.Parent), (Mirror: this, Copy: copy, Parent: Activity.Current), preferLocal: false);

    private async Task SendAsync(UpstreamCall copy, Activity? parent)
    {
        // In a trace the copy belongs to the request it was made from.
        Activity.Current = parent;
        try
        {
            using var over = new CancellationTokenSource(Longest);
            var reply = (UpstreamReply)await target.Upstream.Chain.SendAsync(copy, over.Token);
            try
            {
                for (var read = 0; reply.HasBody && read < MostRead;)
                {
                    var piece = await reply.ReadAsync();
                    if (piece.IsEmpty)
                    {
                        break;
                    }
                    read += piece.Length;
                }
            }
            finally
            {
                await reply.FinishAsync();
            }
            answered.Add();
        }
        catch (Exception) // Whatever it is, nobody waits for this answer; the upstream's own numbers tell what it was.
        {
            failed.Add();
        }
        finally
        {
            inFlight.Leave();
        }
    }
}
