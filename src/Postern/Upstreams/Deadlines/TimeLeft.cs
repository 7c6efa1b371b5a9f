using System.Globalization;
using Postern.Pipeline;

namespace Postern.Upstreams.Deadlines;

/// <summary>
/// What an upstream is told of how long its answer is waited for, so that it needn't work for nobody: <c>grpc-timeout</c> where
/// the call is gRPC, a header field where one is configured. What the caller itself said of its patience is never made longer.
/// </summary>
/// <param name="field">The header field; null for none.</param>
/// <param name="grpc">Whether gRPC calls are told.</param>
/// <param name="written">Whether the upstream's own <c>timeout</c> or <c>tryTimeout</c> was written. The default is told to no gRPC call:
/// there a deadline also ends streams, and who wrote none wants none.</param>
internal sealed class TimeLeft(string? field, bool grpc, bool written)
{
    private const string GrpcField = "grpc-timeout";

    /// <summary>What the upstream's options ask for.</summary>
    public static TimeLeft Of(UpstreamScope scope)
    {
        var (options, own) = (scope.Options<DeadlineOptions>(), scope.Upstream.Sections.Written<DeadlineOptions>());
        return new TimeLeft(options.DeadlineHeader, options.GrpcTimeout != false, own.Timeout is not null || own.TryTimeout is not null);
    }

    /// <summary>Takes the caller's own word into account; once for each call, when its time begins.</summary>
    public void Begin(UpstreamCall call, long allowed)
    {
        if (allowed > 0)
        {
            (call.Allowed, call.Due) = ((int)Math.Min(allowed, int.MaxValue), Environment.TickCount64 + allowed);
        }
        call.Due = Math.Min(call.Due, call.Latest);
        if (field is not null && call.Fields.Find(field) is { } own && long.TryParse(own, NumberStyles.None, CultureInfo.InvariantCulture, out var patience))
        {
            Shorten(call, Math.Min(patience, int.MaxValue), binds: true);
        }
        if (IsGrpc(call) && ParseGrpc(call.Fields.Find(GrpcField)) is { } ms)
        {
            Shorten(call, ms, grpc);
        }
    }

    /// <summary>Notes that the caller waits for less than the gateway would; where it doesn't bind, only the upstream heeds it.</summary>
    private static void Shorten(UpstreamCall call, long patience, bool binds)
    {
        var due = Environment.TickCount64 + patience;
        if (due < call.Due)
        {
            (call.Due, call.IsShortened) = (binds ? due : call.Due, true);
        }
    }

    /// <summary>Tells the upstream, right before a try.</summary>
    public void Tell(UpstreamCall call)
    {
        if (call.Due == long.MaxValue)
        {
            return;
        }
        if (field is not null)
        {
            Set(call, field, Left(call).ToString(CultureInfo.InvariantCulture));
        }
        if (grpc && IsGrpc(call))
        {
            if (written || call.Timeout is not null)
            {
                Set(call, GrpcField, FormatGrpc(Left(call)));
            }
            else if (call.Attempt > 1 && ParseGrpc(call.Fields.Find(GrpcField)) is { } patience)
            {
                // What the tries before took is gone. Where the client waits for longer than for a head, that is what it has since the call began.
                var rest = patience < call.Allowed ? Left(call) : patience - (Environment.TickCount64 - (call.Due - call.Allowed));
                Set(call, GrpcField, FormatGrpc(Math.Max(1, rest)));
            }
        }
    }

    /// <summary>At least a millisecond: 0 is what some take for no bound.</summary>
    private static long Left(UpstreamCall call) => Math.Max(1, call.Due - Environment.TickCount64);

    private static void Set(UpstreamCall call, string name, string value)
    {
        call.Fields.Remove(name);
        call.Fields.Add(name, value);
    }

    /// <summary>A gRPC call is a POST, so that most calls are told apart without a look at their fields.</summary>
    private static bool IsGrpc(UpstreamCall call) =>
        call.Method.Method == "POST" && call.Fields.Find("content-type") is { } type && type.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase);

    /// <summary>Up to eight digits and a unit, as gRPC's protocol over HTTP/2 has it; null for anything else.</summary>
    public static long? ParseGrpc(string? text)
    {
        if (text is not { Length: >= 2 and <= 9 } || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return null;
        }
        return text[^1] switch
        {
            'H' => number * 3_600_000,
            'M' => number * 60_000,
            'S' => number * 1_000,
            'm' => number,
            'u' => number / 1_000,
            'n' => number / 1_000_000,
            _ => null,
        };
    }

    /// <summary>Milliseconds as long as eight digits hold them.</summary>
    public static string FormatGrpc(long ms) => ms < 100_000_000
        ? string.Create(CultureInfo.InvariantCulture, $"{ms}m") : string.Create(CultureInfo.InvariantCulture, $"{Math.Min(ms / 1000, 99_999_999)}S");
}
