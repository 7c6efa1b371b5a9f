using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>
/// Sends a request that has a body: the head with what is there of the body at once, the rest as it comes, while the answer
/// may already be read. While the call may have to be repeated on another connection it keeps what it has sent, up to a cap.
/// </summary>
internal sealed class BodySender(UpstreamCall call, Wire wire)
{
    private const int PieceSize = 60 * 1024;
    private const int KeepSize = 64 * 1024;

    private static readonly TimeSpan ContinueWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastBytesWait = TimeSpan.FromMilliseconds(50);

    private readonly PipeReader body = call.Body!;
    private SendBuffer buffer;
    private Connection connection = null!;
    private Task running = Task.CompletedTask;
    private TaskCompletionSource<bool>? go;
    private bool headWritten, continued, stopping, reading;
    private volatile bool keep, allWritten;
    private int sent;
    private long bodySent;

    /// <summary>What went wrong with the body itself, on the client's side; the caller gets it as it is.</summary>
    public Exception? ClientError { get; private set; }

    /// <summary>Everything was sent.</summary>
    public bool Complete { get; private set; }

    /// <summary>All that was sent is still at hand.</summary>
    public bool CanRepeat => keep && ClientError is null;

    /// <summary>Begins on a connection; a second time it sends again what it kept.</summary>
    public void Start(Connection on, bool repeatable)
    {
        connection = on;
        keep = repeatable;
        go = call.ExpectContinue && !continued ? new() : null;
        (stopping, Complete, sent) = (false, false, 0);
        running = RunAsync();
    }

    /// <summary>The upstream wants the body.</summary>
    public void Continue() => go?.TrySetResult(true);

    /// <summary>The final answer has begun: nothing has to be kept, and a body not yet asked for is not sent.</summary>
    public void Answered()
    {
        keep = false;
        go?.TrySetResult(false);
    }

    /// <summary>Ends it wherever it is; afterwards the body is not touched any more.</summary>
    /// <param name="gently">The answer is whole: if only the request's last bytes are still being sent, a moment is given to them.</param>
    public async ValueTask StopAsync(bool gently)
    {
        if (gently && allWritten && !running.IsCompleted)
        {
            await Task.WhenAny(running, Task.Delay(LastBytesWait, wire.Time)).ConfigureAwait(false);
        }
        Volatile.Write(ref stopping, true);
        Interlocked.MemoryBarrier();
        go?.TrySetResult(false);
        if (!running.IsCompleted && !Complete)
        {
            connection.Abort();
            if (Volatile.Read(ref reading))
            {
                CancelRead();
            }
        }
        await running.ConfigureAwait(false);
    }

    /// <summary>Gives back what was kept; the sender must have ended.</summary>
    public void Release() => buffer.Release();

    private void CancelRead()
    {
        try
        {
            body.CancelPendingRead();
        }
        catch (Exception)
        {
            // A server may refuse this for a request that is already gone; the read that was pending has ended then.
        }
    }

    private async Task RunAsync()
    {
        try
        {
            if (!headWritten)
            {
                HeadWriter.Write(ref buffer, call, wire.OwnHost);
                headWritten = true;
            }
            if (go is not null)
            {
                if (!await FlushAsync().ConfigureAwait(false) || !await MayContinueAsync(go).ConfigureAwait(false))
                {
                    return;
                }
                continued = true;
            }
            call.BodyBegun = true;
            while (!allWritten)
            {
                if (!body.TryRead(out var result))
                {
                    if (!await FlushAsync().ConfigureAwait(false))
                    {
                        return;
                    }
                    ReleaseUnlessKept();
                    if (await ReadAsync().ConfigureAwait(false) is not { } read)
                    {
                        return;
                    }
                    result = read;
                }
                if (!Take(result) || !await FlushAsync().ConfigureAwait(false))
                {
                    return;
                }
            }
            // On a second connection there may be nothing left to read, only to send again.
            Complete = await FlushAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (!Volatile.Read(ref stopping))
            {
                ClientError = ClientBody.Explain(e);
                connection.Abort();
            }
        }
        finally
        {
            ReleaseUnlessKept();
        }
    }

    /// <summary>Waits for more of the body; null where it must not be touched any more.</summary>
    private async ValueTask<ReadResult?> ReadAsync()
    {
        Volatile.Write(ref reading, true);
        call.AwaitsBody = true;
        Interlocked.MemoryBarrier();
        try
        {
            return Volatile.Read(ref stopping) ? null : await body.ReadAsync().ConfigureAwait(false);
        }
        finally
        {
            call.AwaitsBody = false;
            Volatile.Write(ref reading, false);
        }
    }

    /// <summary>Frames one piece of the body into the buffer; false if it was told to stop.</summary>
    private bool Take(ReadResult result)
    {
        var there = result.Buffer;
        if (result.IsCanceled || Volatile.Read(ref stopping))
        {
            body.AdvanceTo(there.Start);
            return !Volatile.Read(ref stopping);
        }
        var piece = there.Length > PieceSize ? there.Slice(0, PieceSize) : there;
        var size = (int)piece.Length;
        var last = result.IsCompleted && size == there.Length;
        if (call.BodyLength is { } length)
        {
            bodySent += size;
            if (bodySent > length || (last && bodySent < length))
            {
                body.AdvanceTo(piece.End);
                throw new BadHttpRequestException("The request's body does not have the length it claims.");
            }
            piece.CopyTo(buffer.Room(size));
            buffer.Advance(size);
            allWritten = bodySent == length;
            body.AdvanceTo(piece.End);
            return true;
        }
        if (size > 0)
        {
            var room = buffer.Room(size + 12);
            size.TryFormat(room, out var digits, "x");
            "\r\n"u8.CopyTo(room[digits..]);
            piece.CopyTo(room[(digits + 2)..]);
            "\r\n"u8.CopyTo(room[(digits + 2 + size)..]);
            buffer.Advance(size + digits + 4);
        }
        body.AdvanceTo(piece.End);
        if (last)
        {
            HeadWriter.WriteEnd(ref buffer, call.BodyTrailers?.Invoke());
            allWritten = true;
        }
        return true;
    }

    /// <summary>Sends what was written and not yet sent; false where the upstream takes no more.</summary>
    private async ValueTask<bool> FlushAsync()
    {
        if (sent == buffer.Length)
        {
            return true;
        }
        if (!await connection.SendAsync(buffer.From(sent)).ConfigureAwait(false))
        {
            return false;
        }
        call.Sent();
        keep = keep && buffer.Length <= KeepSize;
        if (keep)
        {
            sent = buffer.Length;
        }
        else
        {
            buffer.Clear();
            sent = 0;
        }
        return true;
    }

    private async ValueTask<bool> MayContinueAsync(TaskCompletionSource<bool> asked)
    {
        try
        {
            // An upstream that says nothing of it must have time left for the body.
            var wait = call.Allowed > 0 ? TimeSpan.FromMilliseconds(Math.Min(ContinueWait.TotalMilliseconds, call.Allowed / 2.0)) : ContinueWait;
            return await asked.Task.WaitAsync(wait, wire.Time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // RFC 9110 §10.1.1: a client doesn't wait for ever. If the answer came in this very moment, it wins.
            return asked.TrySetResult(true) || await asked.Task.ConfigureAwait(false);
        }
    }

    private void ReleaseUnlessKept()
    {
        if (!keep)
        {
            buffer.Release();
            sent = 0;
        }
    }
}
