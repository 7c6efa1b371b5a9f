using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Pipeline;

namespace Postern.Upstreams.Retrying;

/// <summary>
/// How many tries beyond the first an upstream may still get: a share of its calls of the last ten seconds, or a few in this
/// second where that is more. So an upstream that fails every call sees little more than it would without retries, when it can
/// least bear more. Outlives reloads that don't change it.
/// </summary>
/// <param name="upstream">The upstream's name.</param>
/// <param name="share">The share, from 0 to 1.</param>
/// <param name="minPerSecond">The few.</param>
/// <param name="time">The clock.</param>
internal sealed partial class RetryBudget(string upstream, double share, int minPerSecond, TimeProvider time) : ILive, IStatus
{
    /// <summary>Over how many seconds calls count.</summary>
    public const int Seconds = 10;

    private readonly Lock gate = new();
    private readonly Slot[] slots = [.. Enumerable.Range(0, Seconds).Select(_ => new Slot())];
    private readonly Spell spent = new(time);
    private ILogger logger = NullLogger.Instance;

    /// <inheritdoc/>
    public string Upstream => upstream;

    /// <inheritdoc/>
    public string? NotReady => null;

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger) => this.logger = logger;

    /// <inheritdoc/>
    public void Dispose() { }

    /// <summary>Counts a call, which it is once however often it is tried.</summary>
    public void Count()
    {
        Interlocked.Increment(ref Current(Second).Calls);
        if (spent.IsOn && spent.Ends(out var calls))
        {
            LogLeft(logger, upstream, calls);
        }
    }

    /// <summary>Takes another try out of the budget, if there is one left.</summary>
    public bool TrySpend()
    {
        lock (gate)
        {
            var now = Current(Second);
            var (calls, retries) = Sum(now.Second);
            if (retries + 1 <= calls * share || now.Retries < minPerSecond)
            {
                now.Retries++;
                return true;
            }
        }
        if (spent.Begins())
        {
            LogSpent(logger, upstream);
        }
        return false;
    }

    /// <summary>How many tries beyond the first may be made at this moment.</summary>
    public int Left
    {
        get
        {
            lock (gate)
            {
                var now = Current(Second);
                var (calls, retries) = Sum(now.Second);
                return Math.Max(0, Math.Max((int)(calls * share) - retries, minPerSecond - now.Retries));
            }
        }
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        int calls, retries;
        lock (gate)
        {
            (calls, retries) = Sum(Second);
        }
        json.WriteStartObject("retries"u8);
        json.WriteNumber("calls"u8, calls);
        json.WriteNumber("retries"u8, retries);
        json.WriteNumber("left"u8, Left);
        json.WriteBoolean("refusing"u8, spent.IsOn);
        json.WriteEndObject();
    }

    private long Second => time.GetTimestamp() / time.TimestampFrequency;

    private Slot Current(long second)
    {
        var slot = slots[second % Seconds];
        if (Volatile.Read(ref slot.Second) < second)
        {
            lock (gate)
            {
                if (slot.Second < second)
                {
                    slot.Calls = slot.Retries = 0;
                    Volatile.Write(ref slot.Second, second);
                }
            }
        }
        return slot;
    }

    private (int Calls, int Retries) Sum(long now)
    {
        var (calls, retries) = (0, 0);
        foreach (var slot in slots)
        {
            if (slot.Second > now - Seconds)
            {
                calls += Volatile.Read(ref slot.Calls);
                retries += slot.Retries;
            }
        }
        return (calls, retries);
    }

    /// <summary>What happened within one second.</summary>
    private sealed class Slot
    {
        public long Second = -1;
        public int Calls, Retries;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upstream {Upstream}: the budget for retries is used up; calls that fail are not tried again until there is more")]
    private static partial void LogSpent(ILogger logger, string upstream);

    [LoggerMessage(Level = LogLevel.Information, Message = "Upstream {Upstream}: the budget for retries suffices again, after {Calls} calls were not tried again")]
    private static partial void LogLeft(ILogger logger, string upstream, int calls);
}
