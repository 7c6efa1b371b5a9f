using System.Numerics;
using System.Runtime.InteropServices;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Observing;

/// <summary>
/// The access log: requests leave their facts in a ring of entries made beforehand, and one thread behind them formats and
/// writes. A request never waits: where the ring is full because the disk or the reader of a pipe is slow, the line is
/// dropped and counted. The thread begins with the first line and ends when the log is retired and idle; requests that
/// still hold a retired log can write to it, and it begins again.
/// </summary>
internal sealed class AccessLog : IDisposable
{
    private const int BatchBytes = 48 << 10;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan IdlePoll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(2);

    private readonly Slot[] slots;
    private readonly int half;
    private readonly LogSink sink;
    private readonly TimeProvider time;
    private readonly Counter full, failed;
    private readonly AutoResetEvent wake = new(false);
    private readonly ManualResetEventSlim flushed = new(false);
    private readonly JsonLine lines = new();
    private Positions positions;
    private int running;
    private volatile bool idle, closing;

    /// <param name="queue">How many lines may wait; rounded up to a power of two.</param>
    /// <param name="sink">Where lines go.</param>
    /// <param name="metrics">Where drops are counted.</param>
    /// <param name="time">The clock of the entries.</param>
    public AccessLog(int queue, LogSink sink, MetricRegistry metrics, TimeProvider time)
    {
        (this.sink, this.time) = (sink, time);
        slots = new Slot[BitOperations.RoundUpToPowerOf2((uint)Math.Max(2, queue))];
        half = slots.Length / 2;
        for (var i = 0; i < slots.Length; i++)
        {
            slots[i].Sequence = i;
        }
        const string Name = "postern_access_log_dropped_total";
        const string Help = "Access log lines that were not written, because the queue was full or writing failed.";
        full = metrics.Counter(Name, Help, ("reason", "queue"));
        failed = metrics.Counter(Name, Help, ("reason", "write"));
    }

    /// <summary>The log that the options ask for, or null for none; the same one as long as they stay the same.</summary>
    public static AccessLog? Of(StatePool state, AccessLogOptions options, TimeProvider time) => options.To == "off" ? null
        : state.Keep("accessLog", $"{options.Format} {options.Queue} {options.To}", () => new AccessLog(options.Queue, LogSink.Of(options.To), MetricRegistry.Of(state), time));

    /// <summary>Leaves an entry to be written; false where the ring is full. Never waits.</summary>
    public bool Write(in AccessLogEntry entry)
    {
        // A bounded queue of many writers and one reader: a slot's sequence says whose turn it is.
        var position = Volatile.Read(ref positions.Tail);
        while (true)
        {
            ref var slot = ref slots[position & (slots.Length - 1)];
            var turn = Volatile.Read(ref slot.Sequence) - position;
            if (turn < 0)
            {
                full.Add();
                Instruments.AccessLogDropped.Add(1);
                return false;
            }
            if (turn == 0 && Interlocked.CompareExchange(ref positions.Tail, position + 1, position) == position)
            {
                slot.Entry = entry;
                Volatile.Write(ref slot.Sequence, position + 1);
                break;
            }
            position = Volatile.Read(ref positions.Tail);
        }
        if (Volatile.Read(ref running) == 0)
        {
            Start();
        }
        else if (idle || (position & (half - 1)) == 0)
        {
            idle = false;
            wake.Set();
        }
        return true;
    }

    /// <summary>Writes what waits, for at most two seconds; what requests in flight still add is written behind them.</summary>
    public void Dispose()
    {
        closing = true;
        if (Volatile.Read(ref running) != 0)
        {
            wake.Set();
            flushed.Wait(FlushTimeout);
        }
    }

    private void Start()
    {
        if (Interlocked.CompareExchange(ref running, 1, 0) == 0)
        {
            new Thread(Run) { IsBackground = true, Name = "postern access log" }.Start();
        }
    }

    private void Run()
    {
        var quiet = TimeSpan.Zero;
        while (true)
        {
            var last = closing; // Asked before looking, so that what was written before is found.
            if (Drain() > 0)
            {
                quiet = TimeSpan.Zero;
            }
            else if (last)
            {
                flushed.Set();
                if (quiet >= IdlePoll)
                {
                    sink.Close();
                    Volatile.Write(ref running, 0);
                    // A line may have come between the last look and the line above.
                    Interlocked.MemoryBarrier();
                    if (!HasNext || Interlocked.CompareExchange(ref running, 1, 0) != 0)
                    {
                        return;
                    }
                }
            }
            // Under load a poll is cheaper for requests than a signal each; with none for a second the next line signals.
            idle = quiet >= IdlePoll;
            var pause = idle ? IdlePoll : Poll;
            quiet = wake.WaitOne(pause) ? TimeSpan.Zero : quiet + pause;
        }
    }

    private bool HasNext => Volatile.Read(ref slots[positions.Head & (slots.Length - 1)].Sequence) == positions.Head + 1;

    /// <summary>Writes all that waits; how many lines that was.</summary>
    private int Drain()
    {
        var (now, timestamp) = (time.GetUtcNow().UtcDateTime, time.GetTimestamp());
        int total = 0, batch = 0;
        while (HasNext)
        {
            ref var slot = ref slots[positions.Head & (slots.Length - 1)];
            lines.Add(in slot.Entry, now - time.GetElapsedTime(slot.Entry.Started, timestamp));
            slot.Entry = default;
            Volatile.Write(ref slot.Sequence, positions.Head + slots.Length);
            positions.Head++;
            batch++;
            if (lines.Written.Length >= BatchBytes)
            {
                total += Flush(ref batch);
            }
        }
        return total + Flush(ref batch);
    }

    private int Flush(ref int batch)
    {
        var count = batch;
        if (count > 0)
        {
            try
            {
                sink.Write(lines.Written);
            }
            catch (IOException) // A full disk costs log lines, not requests.
            {
                failed.Add(count);
                Instruments.AccessLogDropped.Add(count);
            }
            lines.Clear();
            batch = 0;
        }
        return count;
    }

    private struct Slot
    {
        public long Sequence;
        public AccessLogEntry Entry;
    }

    /// <summary>Where writers and the reader are, each on cache lines of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    private struct Positions
    {
        [FieldOffset(128)] public long Tail;
        [FieldOffset(256)] public long Head;
    }
}
