using System.Text;
using Postern.Config;
using Postern.Pipeline;

namespace Postern.Upstreams.HealthChecking;

/// <summary>
/// Asks one destination once whether it is well, as a call would: the same protocol, the same strictness. The connection is opened
/// for it and closed after it: it waits for none that calls share, and a destination that takes no new ones isn't well. Whatever
/// comes back costs a bounded time and a bounded number of bytes.
/// </summary>
internal static class Probe
{
    /// <summary>How much of a body is looked at.</summary>
    public const int MaxBody = 64 * 1024;

    /// <summary>What is wrong with it; null where it is well.</summary>
    public static async Task<string?> AskAsync(Destination destination, ProbePlan plan, TimeProvider time, CancellationToken stop)
    {
        using var timer = new CancellationTokenSource(plan.Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, stop);
        using var apart = destination.Apart(plan.Timeout);
        using var call = new UpstreamCall { Method = HttpMethod.Get, Target = plan.Path, Destination = destination };
        call.Fields.Add("User-Agent", "Postern health check");
        call.Fields.Add("Accept", "*/*");
        try
        {
            var reply = (UpstreamReply)await apart.SendAsync(call, either.Token).ConfigureAwait(false);
            try
            {
                return await ReadAsync(reply, plan).ConfigureAwait(false);
            }
            finally
            {
                await reply.FinishAsync().ConfigureAwait(false);
            }
        }
        catch (Exception) when (timer.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            return $"no whole answer within {Scalars.Format(plan.Timeout)}";
        }
        catch (UpstreamException e)
        {
            return e.Message;
        }
    }

    private static async ValueTask<string?> ReadAsync(UpstreamReply reply, ProbePlan plan)
    {
        var status = (int)reply.StatusCode;
        if (!Array.Exists(plan.Statuses, s => s.Has(status)))
        {
            return $"answered {status}, not {plan.Expected}";
        }
        return plan.Body is null || await HasAsync(reply, Encoding.UTF8.GetBytes(plan.Body)).ConfigureAwait(false) ? null
            : $"answered {status}, but what is expected isn't in the body's first {MaxBody / 1024} KB";
    }

    private static async ValueTask<bool> HasAsync(UpstreamReply reply, byte[] expected)
    {
        var (body, length) = (new byte[4096], 0);
        while (length < MaxBody && await reply.ReadAsync().ConfigureAwait(false) is { IsEmpty: false } piece)
        {
            var taken = piece[..Math.Min(piece.Length, MaxBody - length)];
            if (length + taken.Length > body.Length)
            {
                Array.Resize(ref body, Math.Min(Math.Max(body.Length * 2, length + taken.Length), MaxBody));
            }
            taken.CopyTo(body.AsMemory(length));
            // What was looked at before is not looked at again, but for what may be the beginning of it.
            var from = Math.Max(0, length - expected.Length + 1);
            length += taken.Length;
            if (body.AsSpan(from, length - from).IndexOf(expected) >= 0)
            {
                return true;
            }
        }
        return false;
    }
}
