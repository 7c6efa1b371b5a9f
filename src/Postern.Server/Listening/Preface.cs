using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace Postern.Server.Listening;

/// <summary>What a client speaks.</summary>
internal enum Spoken
{
    /// <summary>Nothing: it left, or sent nothing in time.</summary>
    Nothing,
    Http1,
    Http2,
}

/// <summary>Tells HTTP/2 with prior knowledge from HTTP/1.1 by the first bytes of a connection, and leaves them unread.</summary>
internal static class Preface
{
    /// <summary>The first line of every HTTP/2 connection (RFC 9113 §3.4), and no request of HTTP/1.</summary>
    private static ReadOnlySpan<byte> Line => "PRI * HTTP/2.0\r\n"u8;

    public static async ValueTask<Spoken> ReadAsync(ConnectionContext connection, TimeSpan timeout, TimeProvider time, CancellationToken closing)
    {
        var input = connection.Transport.Input;
        if (input.TryRead(out var early))
        {
            var spoken = Tell(early.Buffer);
            input.AdvanceTo(early.Buffer.Start, spoken is null ? early.Buffer.End : early.Buffer.Start);
            if (spoken is not null)
            {
                return spoken.Value;
            }
        }
        using var patience = new CancellationTokenSource(timeout, time);
        using var registration = closing.UnsafeRegister(static s => ((CancellationTokenSource)s!).Cancel(), patience);
        try
        {
            while (true)
            {
                var result = await input.ReadAsync(patience.Token);
                var spoken = Tell(result.Buffer);
                input.AdvanceTo(result.Buffer.Start, spoken is null ? result.Buffer.End : result.Buffer.Start);
                if (spoken is not null || result.IsCompleted)
                {
                    return spoken ?? Spoken.Nothing;
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ConnectionAbortedException)
        {
            return Spoken.Nothing;
        }
    }

    /// <summary>Null while it may still become either.</summary>
    private static Spoken? Tell(ReadOnlySequence<byte> buffer)
    {
        var matched = 0;
        foreach (var piece in buffer)
        {
            var length = Math.Min(piece.Length, Line.Length - matched);
            if (!piece.Span[..length].SequenceEqual(Line.Slice(matched, length)))
            {
                return Spoken.Http1;
            }
            matched += length;
            if (matched == Line.Length)
            {
                return Spoken.Http2;
            }
        }
        return null;
    }
}
