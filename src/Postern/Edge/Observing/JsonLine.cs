using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Postern.Pipeline;

namespace Postern.Edge.Observing;

/// <summary>
/// Writes entries as JSON, one object a line. Written by hand: a log line costs as much as a stage, and what can stand in
/// it is known. The query of a request is left out, because queries carry tokens and names, and logs are kept and copied.
/// </summary>
internal sealed class JsonLine
{
    private static readonly SearchValues<char> Plain = SearchValues.Create(
        [.. Enumerable.Range(0x20, 0x5f).Select(c => (char)c).Where(c => c is not '"' and not '\\')]);

    private readonly byte[] second = new byte[20];
    private long secondWritten = -1;
    private byte[] buffer = new byte[64 << 10];
    private int length;

    /// <summary>The lines written since the last <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Written => buffer.AsSpan(0, length);

    public void Clear() => length = 0;

    /// <summary>Adds a line. <paramref name="came"/> is the request's time of arrival.</summary>
    public void Add(in AccessLogEntry entry, DateTime came)
    {
        Reserve(in entry);
        Raw("{\"time\":\""u8);
        Time(came);
        Text("\",\"gate\":"u8, entry.Gate);
        Text(",\"route\":"u8, entry.Route);
        Text(",\"method\":"u8, entry.Method);
        Text(",\"path\":"u8, entry.Path);
        Number(",\"status\":"u8, entry.Status);
        Number(",\"bytes\":"u8, entry.BytesSent);
        Milliseconds(",\"duration\":"u8, entry.Duration);
        Optional(",\"upstream\":"u8, entry.Upstream);
        Optional(",\"destination\":"u8, entry.Destination);
        if (entry.Attempts > 1)
        {
            Number(",\"attempts\":"u8, entry.Attempts);
        }
        if (entry.Failure != Failure.None)
        {
            Text(",\"failure\":"u8, FailureTable.Of(entry.Failure).Code);
        }
        Optional(",\"fallback\":"u8, entry.Fallback);
        if (entry.FailedSources is { } sources)
        {
            // JSON already, of names and words that the gateway knows.
            Raw(",\"failedSources\":"u8);
            length += System.Text.Encoding.UTF8.GetBytes(sources, buffer.AsSpan(length));
        }
        if (entry.Failure != Failure.None || entry.Fallback is not null || entry.FailedSources is not null)
        {
            Optional(",\"reason\":"u8, entry.Reason);
        }
        Text(",\"traceId\":"u8, entry.TraceId);
        Text(",\"requestId\":"u8, entry.RequestId);
        Text(",\"client\":"u8, entry.Client);
        Optional(",\"identity\":"u8, entry.Identity);
        Optional(",\"consumer\":"u8, entry.Consumer);
        Optional(",\"tier\":"u8, entry.Tier);
        Optional(",\"limit\":"u8, entry.Limit);
        if (entry.LimitedAlone)
        {
            Raw(",\"limits\":\"local\""u8);
        }
        Optional(",\"budget\":"u8, entry.PastBudget);
        Raw("}\n"u8);
    }

    /// <summary>Makes room for the longest line the entry can become: six bytes for each character (<c>\u0000</c>).</summary>
    private void Reserve(in AccessLogEntry entry)
    {
        var characters = entry.Gate.Length + entry.Route.Length + entry.Method.Length + entry.Path.Length + entry.TraceId.Length + entry.RequestId.Length
            + entry.Client.Length + (entry.Upstream?.Length ?? 0) + (entry.Destination?.Length ?? 0) + (entry.Fallback?.Length ?? 0) + (entry.FailedSources?.Length ?? 0) + (entry.Reason?.Length ?? 0)
            + (entry.Identity?.Length ?? 0) + (entry.Consumer?.Length ?? 0) + (entry.Tier?.Length ?? 0) + (entry.Limit?.Length ?? 0) + (entry.PastBudget?.Length ?? 0);
        var needed = length + 512 + (characters * 6);
        if (needed > buffer.Length)
        {
            Array.Resize(ref buffer, Math.Max(needed, buffer.Length * 2));
        }
    }

    private void Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(buffer.AsSpan(length));
        length += bytes.Length;
    }

    /// <summary>ISO 8601, UTC, milliseconds. All but those is written once a second.</summary>
    private void Time(DateTime came)
    {
        var now = came.Ticks / TimeSpan.TicksPerSecond;
        if (now != secondWritten)
        {
            came.TryFormat(second, out _, "yyyy-MM-ddTHH:mm:ss.", CultureInfo.InvariantCulture);
            secondWritten = now;
        }
        Raw(second);
        var ms = (int)(came.Ticks / TimeSpan.TicksPerMillisecond % 1000);
        Digits(ms);
        Raw("Z"u8);
    }

    private void Digits(int thousandths)
    {
        buffer[length++] = (byte)('0' + (thousandths / 100));
        buffer[length++] = (byte)('0' + (thousandths / 10 % 10));
        buffer[length++] = (byte)('0' + (thousandths % 10));
    }

    private void Number(ReadOnlySpan<byte> name, long value)
    {
        Raw(name);
        Utf8Formatter.TryFormat(value, buffer.AsSpan(length), out var written);
        length += written;
    }

    /// <summary>Milliseconds with three decimals.</summary>
    private void Milliseconds(ReadOnlySpan<byte> name, long ticks)
    {
        var micros = (long)(Math.Max(0, ticks) * (1_000_000.0 / Stopwatch.Frequency));
        Number(name, micros / 1000);
        Raw("."u8);
        Digits((int)(micros % 1000));
    }

    private void Optional(ReadOnlySpan<byte> name, string? value)
    {
        if (value is not null)
        {
            Text(name, value);
        }
    }

    private void Text(ReadOnlySpan<byte> name, string value)
    {
        Raw(name);
        buffer[length++] = (byte)'"';
        if (value.AsSpan().ContainsAnyExcept(Plain))
        {
            Escaped(value);
        }
        else
        {
            Ascii.FromUtf16(value, buffer.AsSpan(length), out var written);
            length += written;
        }
        buffer[length++] = (byte)'"';
    }

    private void Escaped(string value)
    {
        foreach (var rune in value.EnumerateRunes()) // A lone surrogate becomes U+FFFD.
        {
            switch (rune.Value)
            {
                case '"': Raw("\\\""u8); break;
                case '\\': Raw("\\\\"u8); break;
                case '\n': Raw("\\n"u8); break;
                case '\r': Raw("\\r"u8); break;
                case '\t': Raw("\\t"u8); break;
                case < 0x20 or (>= 0x7f and < 0xa0): // Controls, also those that a terminal would obey.
                    Raw("\\u00"u8);
                    Utf8Formatter.TryFormat(rune.Value, buffer.AsSpan(length), out var digits, new StandardFormat('x', 2));
                    length += digits;
                    break;
                default:
                    length += rune.EncodeToUtf8(buffer.AsSpan(length));
                    break;
            }
        }
    }
}
