using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding.Http2;

/// <summary>
/// A call's body as the platform's HTTP/2 client wants it. Each piece is flushed, because a stream's next message may be the
/// answer to ours. Being a content of our own it may still be on its way when the answer begins.
/// </summary>
internal sealed class PipeContent(UpstreamCall call) : HttpContent
{
    private readonly PipeReader body = call.Body!;
    private readonly TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock gate = new();
    private bool started, stopped, reading;
    private long sent;

    /// <summary>What went wrong with the body itself, on the client's side.</summary>
    public Exception? ClientError { get; private set; }

    /// <summary>Whether any of it may be gone.</summary>
    public bool HasBegun
    {
        get
        {
            lock (gate)
            {
                return started;
            }
        }
    }

    /// <summary>Ends it wherever it is; afterwards the body is not touched any more.</summary>
    public Task StopAsync()
    {
        lock (gate)
        {
            stopped = true;
            if (!started)
            {
                return Task.CompletedTask;
            }
            if (reading)
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
        }
        return done.Task;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, default);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            // The client behind tries again what the upstream has refused unseen; what was read of the body is gone then.
            if (started || stopped)
            {
                throw new UpstreamException(Failure.UpstreamUnreachable, "the upstream refused the request after its body had begun");
            }
            started = true;
        }
        try
        {
            using var registration = cancellationToken.UnsafeRegister(static c => ((PipeContent)c!).StopAsync(), this);
            await SendAsync(stream, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            done.TrySetResult();
        }
    }

    private async Task SendAsync(Stream stream, CancellationToken cancel)
    {
        call.BodyBegun = true;
        for (var (first, last) = (true, false); !last; first = false)
        {
            if (!TryRead(out var read))
            {
                if (first)
                {
                    // The head waits in the client's buffer for the first piece; the upstream must not.
                    await stream.FlushAsync(cancel).ConfigureAwait(false);
                }
                read = await ReadAsync().ConfigureAwait(false);
            }
            if (read is not { } result)
            {
                throw new OperationCanceledException(cancel);
            }
            var piece = result.Buffer;
            sent += piece.Length;
            last = result.IsCompleted || sent == call.BodyLength;
            if (result.IsCanceled || (call.BodyLength is { } length && (sent > length || (last && sent < length))))
            {
                body.AdvanceTo(piece.Start);
                throw result.IsCanceled ? new OperationCanceledException(cancel)
                    : ClientError = new BadHttpRequestException("The request's body does not have the length it claims.");
            }
            try
            {
                foreach (var segment in piece)
                {
                    await stream.WriteAsync(segment, cancel).ConfigureAwait(false);
                }
                await stream.FlushAsync(cancel).ConfigureAwait(false);
            }
            finally
            {
                body.AdvanceTo(piece.End);
            }
            call.Sent();
        }
    }

    /// <summary>What is there already; nothing, though successfully, where the body must not be touched any more.</summary>
    private bool TryRead(out ReadResult? result)
    {
        result = null;
        lock (gate)
        {
            if (stopped)
            {
                return true;
            }
            try
            {
                if (!body.TryRead(out var there))
                {
                    return false;
                }
                result = there;
                return true;
            }
            catch (Exception e)
            {
                ClientError = ClientBody.Explain(e);
                throw;
            }
        }
    }

    private async ValueTask<ReadResult?> ReadAsync()
    {
        lock (gate)
        {
            if (stopped)
            {
                return null;
            }
            reading = call.AwaitsBody = true;
        }
        try
        {
            return await body.ReadAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            ClientError = stopped ? null : ClientBody.Explain(e);
            throw;
        }
        finally
        {
            lock (gate)
            {
                reading = call.AwaitsBody = false;
            }
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = call.BodyLength ?? 0;
        return call.BodyLength is not null;
    }
}
