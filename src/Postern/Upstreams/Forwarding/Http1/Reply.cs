using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>
/// One exchange: the request goes out, the head comes in, and then this is the answer, whose pieces are handed out straight
/// from the connection's buffer. One registration on the call's token covers all of it: cancelling resets the socket, which
/// ends whatever is under way.
/// </summary>
internal sealed class Reply(Wire wire, UpstreamCall call, bool idempotent, CancellationToken cancel) : UpstreamReply
{
    private const int MaxInterim = 16;
    private const int MaxAttempts = 3;

    private enum Framing { None, Length, Chunked, UntilClose, Switched }

    private readonly BodySender? sender = HeadWriter.HasBody(call) ? new(call, wire) : null;
    private Connection connection = null!;
    private CancellationTokenRegistration registration;
    private Framing framing;
    private ChunkedBody chunks;
    private long left;
    private bool ended, keepAlive, taken;
    private int attempts, finished = 1;

    /// <summary>Sends the request on a new connection, or on the next that is free where no more may be opened.</summary>
    public async Task<HttpResponseMessage> SendAsync() =>
        await SendAsync(await wire.Pool.TakeAsync(fresh: attempts > 0 || !idempotent, cancel).ConfigureAwait(false)).ConfigureAwait(false);

    /// <summary>
    /// Sends the request and reads up to the body. If the pooled connection had been closed before the upstream can have seen
    /// the request, and all of it can be sent again, another connection is tried.
    /// </summary>
    public async Task<HttpResponseMessage> SendAsync(Connection on)
    {
        connection = on;
        finished = 0;
        var repeatable = idempotent && on.Reused && ++attempts < MaxAttempts;
        registration = cancel.UnsafeRegister(static c => ((Connection)c!).Abort(), on);
        try
        {
            if (sender is null)
            {
                await SendHeadAsync().ConfigureAwait(false);
            }
            else
            {
                sender.Start(on, repeatable);
            }
            var head = on.Head;
            head.Begin();
            for (var (interim, untouched) = (0, true); ;)
            {
                while (!head.Read(on))
                {
                    var count = await on.ReceiveAsync().ConfigureAwait(false);
                    if (count <= 0)
                    {
                        // Whether it may be repeated is known only once the sender has ended.
                        await AbandonAsync().ConfigureAwait(false);
                        ThrowOwn();
                        repeatable &= untouched && sender is null or { CanRepeat: true };
                        return repeatable ? await SendAsync().ConfigureAwait(false) : throw Gone(count);
                    }
                    untouched = false;
                }
                if (head.Status >= 200 || IsSwitch(head))
                {
                    break;
                }
                if (++interim > MaxInterim)
                {
                    throw HeadReader.Wrong("interim answers without end");
                }
                if (head.Status == 100)
                {
                    sender?.Continue();
                }
                head.Begin();
            }
            sender?.Answered();
            BeginBody(head);
            return this;
        }
        catch (Exception)
        {
            await AbandonAsync().ConfigureAwait(false);
            ThrowOwn();
            throw;
        }
    }

    public override ValueTask<ReadOnlyMemory<byte>> ReadAsync()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref finished) != 0, this);
        var piece = Take();
        return ended || piece.Length > 0 ? new(piece) : ReceiveAsync();
    }

    public override IDuplexPipe TakeConnection()
    {
        if (framing != Framing.Switched || taken)
        {
            throw new InvalidOperationException("The upstream did not switch protocols, or the connection was taken before.");
        }
        taken = true;
        return new SwitchedConnection(connection, call);
    }

    protected override async ValueTask EndAsync()
    {
        if (Interlocked.Exchange(ref finished, 1) != 0)
        {
            return;
        }
        Fields = null!;
        // A body that ends with its last byte needs no further read to be at its end.
        var clean = ended && keepAlive;
        if (sender is not null)
        {
            await sender.StopAsync(gently: clean).ConfigureAwait(false);
            clean &= sender.Complete;
            sender.Release();
        }
        // Where the registration can't be taken back it has fired or is just firing, on this connection and no other's call.
        if ((registration.Unregister() || !cancel.CanBeCanceled) && clean)
        {
            wire.Pool.Return(connection);
        }
        else
        {
            wire.Pool.Close(connection);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && Volatile.Read(ref finished) == 0)
        {
            _ = FinishAsync().AsTask();
        }
        base.Dispose(disposing);
    }

    private ValueTask SendHeadAsync()
    {
        var buffer = default(SendBuffer);
        try
        {
            HeadWriter.Write(ref buffer, call, wire.OwnHost);
            // If this fails there may still be an answer to read: the reason for which the upstream hung up.
            var sending = connection.SendAsync(buffer.From(0));
            if (!sending.IsCompleted)
            {
                var rest = buffer;
                buffer = default;
                return EndSendAsync(sending, rest);
            }
            _ = sending.Result;
            return default;
        }
        finally
        {
            buffer.Release();
        }
    }

    private static async ValueTask EndSendAsync(ValueTask<bool> sending, SendBuffer buffer)
    {
        await sending.ConfigureAwait(false);
        buffer.Release();
    }

    /// <summary>RFC 9110 §7.8: a switch is only welcome to what was asked for.</summary>
    private bool IsSwitch(HeadReader head)
    {
        if (head.Status != 101)
        {
            return false;
        }
        if (call.Upgrade is { } asked && head.Upgrade is { } given)
        {
            foreach (var range in asked.AsSpan().Split(','))
            {
                if (asked.AsSpan()[range].Trim().Equals(given, StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }
        throw HeadReader.Wrong("a switch of protocols that nobody asked for");
    }

    private void BeginBody(HeadReader head)
    {
        StatusCode = (HttpStatusCode)head.Status;
        ReasonPhrase = Reason = head.Reason;
        Fields = head.Fields;
        keepAlive = head.KeepAlive;
        if (head.Status == 101)
        {
            (framing, keepAlive) = (Framing.Switched, false);
            Fields.Add("Upgrade", head.Upgrade!);
        }
        else if (head.Status is 204 or 304 || call.Method.Method == "HEAD")
        {
            // RFC 9112 §6.3: these end with their head, whatever it says; only 204 may not even say it (RFC 9110 §8.6).
            (ended, Length) = (true, head.Status == 204 ? null : head.Length);
        }
        else if (head.Chunked)
        {
            framing = Framing.Chunked;
        }
        else if (head.Length is { } length)
        {
            (framing, Length, left, ended) = (Framing.Length, length, length, length == 0);
        }
        else
        {
            (framing, keepAlive) = (Framing.UntilClose, false);
        }
        HasBody = framing != Framing.None && framing != Framing.Switched && !ended;
    }

    /// <summary>A piece of what was received, or nothing where the body has ended or more must come first.</summary>
    private ReadOnlyMemory<byte> Take()
    {
        switch (framing)
        {
            case Framing.Length:
                var count = (int)Math.Min(left, connection.Unread.Length);
                left -= count;
                ended = left == 0;
                return connection.Take(count);
            case Framing.Chunked when !ended:
                try
                {
                    var piece = chunks.Take(connection);
                    ended = chunks.Ended;
                    Trailers = chunks.Trailers;
                    return piece;
                }
                catch (UpstreamException e)
                {
                    throw Break(e.Message, e);
                }
            case Framing.UntilClose when !ended:
                return connection.Take(connection.Unread.Length);
            default:
                ended = true;
                return default;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync()
    {
        while (true)
        {
            connection.Expect(framing == Framing.Length ? left : connection.IsFull ? long.MaxValue : 0);
            call.Wait();
            var count = await connection.ReceiveAsync().ConfigureAwait(false);
            call.Received();
            ObjectDisposedException.ThrowIf(Volatile.Read(ref finished) != 0, this);
            if (count <= 0)
            {
                if (call.Cut is { } cut)
                {
                    throw Break(cut);
                }
                ThrowOwn();
                // A reset that a failed send has already reported looks like a clean end here.
                if (count == 0 && framing == Framing.UntilClose && !connection.SendFailed)
                {
                    ended = true;
                    return default;
                }
                throw Break("the upstream ended the connection within its answer's body");
            }
            var piece = Take();
            if (ended || piece.Length > 0)
            {
                return piece;
            }
        }
    }

    /// <summary>Ends a failed attempt: sender, registration, connection.</summary>
    private async ValueTask AbandonAsync()
    {
        if (Interlocked.Exchange(ref finished, 1) != 0)
        {
            return;
        }
        if (sender is not null)
        {
            await sender.StopAsync(gently: false).ConfigureAwait(false);
            if (!sender.CanRepeat)
            {
                sender.Release();
            }
        }
        registration.Unregister();
        wire.Pool.Close(connection);
    }

    /// <summary>What fails because this side ended it fails with this side's reason.</summary>
    private void ThrowOwn()
    {
        if (sender?.ClientError is { } error)
        {
            ExceptionDispatchInfo.Throw(error);
        }
        cancel.ThrowIfCancellationRequested();
    }

    private UpstreamException Gone(int count) => new(Failure.UpstreamGone, count == 0
        ? "the upstream closed the connection before its answer's head was whole" : "the upstream reset the connection before its answer's head was whole");
}
