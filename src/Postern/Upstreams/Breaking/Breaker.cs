using System.Text.Json;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Upstreams.Breaking;

/// <summary>
/// One breaker: of an upstream, or of one destination of it. Closed, it counts; too many failures open it, and nothing goes
/// through; after a while it is half open and lets a few probes through, which close it or open it again, for longer. While it is
/// closed a call takes no lock. Phases are exchanged as a whole, so that exactly one of many calls makes each change.
/// </summary>
internal sealed partial class Breaker : IJudge
{
    private readonly Breakers room;
    private readonly string? destination;
    private readonly BreakerPlan plan;
    private readonly Counter opened, refused;
    private Phase phase;

    /// <param name="room">Whose breakers it is one of.</param>
    /// <param name="destination">The name of the destination whose it is; null for the upstream's.</param>
    public Breaker(Breakers room, string? destination)
    {
        (this.room, this.destination, plan) = (room, destination, room.Plan);
        phase = new Closed(1, plan.Rule, default, 0, 0);
        (string, string)[] labels = destination is null ? [("upstream", room.Upstream)] : [("upstream", room.Upstream), ("destination", destination)];
        opened = room.Metrics.Counter("postern_upstream_breaker_opened_total", "How often a breaker has opened, and opened again after a probe.", labels);
        refused = room.Metrics.Counter("postern_upstream_breaker_refused_total", "Calls that a breaker didn't let through.", labels);
        room.Metrics.Gauge("postern_upstream_breaker_state", "What a breaker is: 0 closed, 1 half open, 2 open; NaN where there is none any more.",
            () => !room.Has(destination) ? double.NaN : phase switch { Closed => 0, HalfOpen => 1, _ => 2 }, labels);
    }

    /// <summary>Whether everything goes through.</summary>
    public bool IsClosed => Volatile.Read(ref phase) is Closed;

    /// <summary>Seconds until it may be worth to try again; null while it is closed.</summary>
    public int? RetryAfter => Volatile.Read(ref phase) switch
    {
        Closed => null,
        Open open => (int)Math.Clamp(Math.Ceiling(TimeSpan.FromTicks(open.Until - room.Now).TotalSeconds), 1, int.MaxValue),
        _ => 1,
    };

    /// <summary>The number of the phase that lets the call in, which must be told how it ended; 0 where it isn't let in.</summary>
    public int Enter() => Volatile.Read(ref phase) is Closed closed ? closed.Number : Knock();

    /// <summary>Whether its destination fails like others do.</summary>
    /// <param name="run">Failures in a row are meant, and not their share.</param>
    public bool Joins(bool run) => Volatile.Read(ref phase) is not Closed closed || closed.Count.Joins(room.Now, run);

    /// <summary>How a call ended that was let in.</summary>
    /// <param name="entered">The phase that let it in.</param>
    /// <param name="outcome">How it ended.</param>
    /// <param name="among">The destinations of which most must fail before this opens; null where it is one's own.</param>
    public void Left(int entered, in Outcome outcome, DestinationSet? among = null)
    {
        var (now, failed) = (Volatile.Read(ref phase), plan.Rule.Judge(outcome));
        if (now.Number != entered)
        {
            return;
        }
        if (now is HalfOpen trial)
        {
            var succeeded = trial.Return(failed);
            if (failed == true)
            {
                OpenFrom(trial, trial.Openings + 1, "a probe failed");
            }
            else if (failed == false && succeeded >= plan.Probes)
            {
                CloseFrom(trial);
            }
        }
        else if (failed is { } bad && now is Closed closed && closed.Count.Add(room.Now, bad) is { } why && (among is null || room.MostFail(among, closed.Count.HasRun)))
        {
            OpenFrom(closed, why);
        }
    }

    /// <summary>An answer has ended. Where its body broke off, or its trailers tell of a failure, it was counted as a success and was none.</summary>
    public void Ended(in Outcome? end, DestinationSet? among)
    {
        if (Volatile.Read(ref phase) is not Closed closed)
        {
            return;
        }
        if (end is not { } changed)
        {
            closed.Count.Whole();
        }
        else if (plan.Rule.Judge(changed) == true && closed.Count.Revoke(room.Now) is { } why && (among is null || room.MostFail(among, closed.Count.HasRun)))
        {
            OpenFrom(closed, why);
        }
    }

    bool IJudge.Admits(UpstreamCall call) => (call.AdmittedAs = Enter()) != 0;

    void IJudge.Saw(UpstreamCall call, in Outcome outcome) => Left(call.AdmittedAs, outcome);

    void IJudge.Ended(in Outcome? end) => Ended(end, null);

    /// <summary>Writes what it is, as one property.</summary>
    public void Write(Utf8JsonWriter json)
    {
        var now = Volatile.Read(ref phase);
        json.WriteStartObject("breaker"u8);
        json.WriteString("state"u8, now switch { Closed => "closed", HalfOpen => "half-open", _ => "open" });
        if (now.Since != default)
        {
            json.WriteString("since"u8, now.Since);
        }
        if (now switch { Open open => open.Why, HalfOpen trial => trial.Why, _ => null } is { } why)
        {
            json.WriteString("why"u8, why);
            json.WriteNumber("retryAfterSeconds"u8, RetryAfter ?? 0);
        }
        json.WriteEndObject();
    }

    private int Knock()
    {
        while (true)
        {
            switch (Volatile.Read(ref phase))
            {
                case Closed closed:
                    return closed.Number;
                case Open open when room.Now >= open.Until:
                    if (Move(open, new HalfOpen(open.Number + 1, open.Since, open.Openings, open.Why)))
                    {
                        LogHalfOpen(room.Logger, room.Upstream, Whose);
                    }
                    break;
                case HalfOpen trial when trial.TryTake(room.Now, plan.Probes):
                    return trial.Number;
                default:
                    refused.Add();
                    return 0;
            }
        }
    }

    /// <summary>One that opens again soon after it has closed goes on growing.</summary>
    private void OpenFrom(Closed closed, string why) =>
        OpenFrom(closed, room.Now - closed.Began < plan.Rule.Window.Ticks ? closed.Openings + 1 : 1, why);

    private void OpenFrom(Phase from, int openings, string why)
    {
        var time = plan.Open(openings);
        if (!Move(from, new Open(from.Number + 1, from is HalfOpen trial ? trial.Since : room.Date, room.Now + time.Ticks, openings, from is HalfOpen { Why: var first } ? first : why)))
        {
            return;
        }
        opened.Add();
        if (from is Closed)
        {
            LogOpened(room.Logger, room.Upstream, Whose, Scalars.Format(time), why);
        }
        else
        {
            LogOpenedAgain(room.Logger, room.Upstream, Whose, Scalars.Format(time), why);
        }
    }

    private void CloseFrom(HalfOpen trial)
    {
        if (Move(trial, new Closed(trial.Number + 1, plan.Rule, room.Date, room.Now, trial.Openings)))
        {
            LogClosed(room.Logger, room.Upstream, Whose);
        }
    }

    private bool Move(Phase from, Phase to) => Interlocked.CompareExchange(ref phase, to, from) == from;

    private string Whose => destination is null ? "" : $", destination {destination}";

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upstream {Upstream}{Destination}: breaker open for {Time}, {Why}")]
    private static partial void LogOpened(ILogger logger, string upstream, string destination, string time, string why);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Upstream {Upstream}{Destination}: breaker open for {Time} more, {Why}")]
    private static partial void LogOpenedAgain(ILogger logger, string upstream, string destination, string time, string why);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Upstream {Upstream}{Destination}: breaker half open")]
    private static partial void LogHalfOpen(ILogger logger, string upstream, string destination);

    [LoggerMessage(Level = LogLevel.Information, Message = "Upstream {Upstream}{Destination}: breaker closed")]
    private static partial void LogClosed(ILogger logger, string upstream, string destination);
}
