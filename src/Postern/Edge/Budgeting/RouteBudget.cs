using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Budgeting;

/// <summary>
/// How one route keeps its budget: counts, the worst answers, and a warning in the log at most once a minute. The first answer
/// past the budget begins a minute, and a timer ends it, so that what happened is told even where nobody asks any more. Outlives
/// reloads that don't change the budget.
/// </summary>
internal sealed partial class RouteBudget : ILive
{
    /// <summary>What is gathered into one warning.</summary>
    public static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly TimeProvider time;
    private readonly Counter answers = new(), counted, exceededBytes, exceededLatency;
    private readonly long bytes, latency;
    private readonly Tally sinceStart = new();
    private Tally thisMinute = new();
    private TimeProvider timers = TimeProvider.System;
    private ILogger logger = NullLogger.Instance;
    private ITimer? timer;
    private long answersBefore;
    private bool gathering, disposed;

    /// <param name="gate">The gate's name.</param>
    /// <param name="route">The route's name.</param>
    /// <param name="budget">The budget.</param>
    /// <param name="metrics">Where it is counted, too.</param>
    /// <param name="time">The clock of requests.</param>
    public RouteBudget(string gate, string route, BudgetOptions budget, MetricRegistry metrics, TimeProvider time)
    {
        (Gate, Route, Budget, this.time, Since) = (gate, route, budget, time, time.GetUtcNow());
        bytes = budget.Bytes?.Bytes ?? long.MaxValue;
        latency = budget.Latency is { } most ? (long)(most.TotalSeconds * time.TimestampFrequency) : long.MaxValue;
        counted = metrics.Counter("postern_budget_answers_total", "Answers of routes that have a budget.", ("gate", gate), ("route", route));
        exceededBytes = Exceeded("bytes");
        exceededLatency = Exceeded("latency");

        Counter Exceeded(string what) => metrics.Counter(
            "postern_budget_exceeded_total", "Answers past their route's budget, by what they were past.", ("gate", gate), ("route", route), ("what", what));
    }

    /// <summary>The gate.</summary>
    public string Gate { get; }

    /// <summary>The route.</summary>
    public string Route { get; }

    /// <summary>What is allowed.</summary>
    public BudgetOptions Budget { get; }

    /// <summary>Since when it counts.</summary>
    public DateTimeOffset Since { get; }

    /// <inheritdoc/>
    public string? NotReady => null;

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger) => (timers, this.logger) = (time, logger);

    /// <summary>The route is gone, or its budget is another: what was gathered is told now.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            timer?.Dispose();
        }
        Tell();
    }

    /// <summary>Counts one answer; what of the budget it is past: <c>bytes</c>, <c>latency</c>, <c>bytes, latency</c>, or null.</summary>
    public string? Count(Exchange exchange)
    {
        answers.Add();
        counted.Add();
        var took = time.GetTimestamp() - exchange.Started;
        var (tooLarge, tooLate) = (exchange.BytesSent > bytes, took > latency);
        if (!tooLarge && !tooLate)
        {
            return null;
        }
        if (tooLarge)
        {
            exceededBytes.Add();
        }
        if (tooLate)
        {
            exceededLatency.Add();
        }
        var example = new Example(exchange.BytesSent, time.GetElapsedTime(0, took), time.GetUtcNow(), Shortened(exchange.Path), exchange.TraceId);
        lock (gate)
        {
            sinceStart.Add(example, tooLarge, tooLate);
            thisMinute.Add(example, tooLarge, tooLate);
            Gather();
        }
        return !tooLate ? "bytes" : tooLarge ? "bytes, latency" : "latency";
    }

    /// <summary>Writes how the budget is kept, as an object of its own.</summary>
    public void Write(Utf8JsonWriter json)
    {
        lock (gate)
        {
            var all = answers.Value;
            json.WriteStartObject();
            json.WriteString("gate"u8, Gate);
            json.WriteString("route"u8, Route);
            json.WriteString("since"u8, Since);
            json.WriteNumber("requests"u8, all);
            json.WriteNumber("exceeded"u8, sinceStart.Answers);
            json.WriteNumber("share"u8, all == 0 ? 0 : Math.Round((double)sinceStart.Answers / all, 4));
            if (Budget.Bytes is { } most)
            {
                json.WriteStartObject("bytes"u8);
                json.WriteNumber("budget"u8, most.Bytes);
                json.WriteNumber("exceeded"u8, sinceStart.TooLarge);
                Write(json, sinceStart.Largest);
                json.WriteEndObject();
            }
            if (Budget.Latency is { } longest)
            {
                json.WriteStartObject("latency"u8);
                json.WriteString("budget"u8, Scalars.Format(longest));
                json.WriteNumber("exceeded"u8, sinceStart.TooLate);
                Write(json, sinceStart.Slowest);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
    }

    private static void Write(Utf8JsonWriter json, Example? worst)
    {
        if (worst is null)
        {
            return;
        }
        json.WriteStartObject("worst"u8);
        json.WriteNumber("bytes"u8, worst.Bytes);
        json.WriteNumber("milliseconds"u8, Math.Round(worst.Took.TotalMilliseconds, 3));
        json.WriteString("at"u8, worst.At);
        json.WriteString("path"u8, worst.Path);
        json.WriteString("traceId"u8, worst.TraceId);
        json.WriteEndObject();
    }

    /// <summary>Begins a minute, if none has begun. An old snapshot's last requests may still come once this is retired; nobody is told of them.</summary>
    private void Gather()
    {
        if (gathering || disposed)
        {
            return;
        }
        gathering = true;
        // This answer is one of the minute's.
        answersBefore = answers.Value - 1;
        timer ??= timers.CreateTimer(static budget => ((RouteBudget)budget!).Tell(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        timer.Change(Minute, Timeout.InfiniteTimeSpan);
    }

    private void Tell()
    {
        Tally told;
        long all;
        lock (gate)
        {
            if (!gathering)
            {
                return;
            }
            (told, thisMinute, gathering) = (thisMinute, new Tally(), false);
            // Answers that are counted right now may not have been added to both.
            all = Math.Max(answers.Value - answersBefore, told.Answers);
        }
        LogExceeded(logger, Gate, Route, told.Answers, all, told.Describe(Budget));
    }

    /// <summary>Clients choose how long a path is.</summary>
    private static string Shortened(string path) => path.Length > 200 ? $"{path.AsSpan(0, 200)}…" : path;

    /// <summary>An answer past its budget.</summary>
    private sealed record Example(long Bytes, TimeSpan Took, DateTimeOffset At, string Path, string TraceId);

    /// <summary>What was counted over some time.</summary>
    private sealed class Tally
    {
        public long Answers { get; private set; }

        public long TooLarge { get; private set; }

        public long TooLate { get; private set; }

        public Example? Largest { get; private set; }

        public Example? Slowest { get; private set; }

        public void Add(Example example, bool tooLarge, bool tooLate)
        {
            Answers++;
            if (tooLarge)
            {
                TooLarge++;
                Largest = Largest is null || example.Bytes > Largest.Bytes ? example : Largest;
            }
            if (tooLate)
            {
                TooLate++;
                Slowest = Slowest is null || example.Took > Slowest.Took ? example : Slowest;
            }
        }

        public string Describe(BudgetOptions budget) => string.Join("; ", Parts(budget));

        private IEnumerable<string> Parts(BudgetOptions budget)
        {
            if (Largest is not null)
            {
                yield return FormattableString.Invariant($"{TooLarge} over {budget.Bytes}, the largest {Largest.Bytes} bytes at {Largest.Path}, trace {Largest.TraceId}");
            }
            if (Slowest is not null)
            {
                yield return FormattableString.Invariant($"{TooLate} over {Scalars.Format(budget.Latency!.Value)}, the slowest {Slowest.Took.TotalMilliseconds:0} ms at {Slowest.Path}, trace {Slowest.TraceId}");
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Gate {Gate}, route {Route}: {Exceeded} of the last minute's {Answers} answers were past their budget: {Worst}")]
    private static partial void LogExceeded(ILogger logger, string gate, string route, long exceeded, long answers, string worst);
}
