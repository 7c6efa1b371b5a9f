using System.Buffers;
using System.Net.Http.Headers;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Upstreams.Forwarding.Http2;

/// <summary>The platform client's answer, with the same promises as over HTTP/1.1: checked fields, an exact length, one way to fail.</summary>
internal sealed class Reply : UpstreamReply
{
    private const int PieceSize = 16 * 1024;

    private readonly Wire wire;
    private readonly UpstreamCall call;
    private readonly HttpResponseMessage response;
    private readonly PipeContent? content;
    private readonly CancellationToken cancel;
    private Stream? stream;
    private byte[]? buffer;
    private long received;
    private bool ended;
    private int finished, headFailed, endFailed;
    private volatile bool reading;

    public Reply(Wire wire, UpstreamCall call, HttpResponseMessage response, PipeContent? content, CancellationToken cancel)
    {
        (this.wire, this.call, this.response, this.content, this.cancel) = (wire, call, response, content, cancel);
        StatusCode = response.StatusCode;
        Version = response.Version;
        Fields = new FieldList();
        Copy(response.Headers.NonValidated, Fields);
        Copy(response.Content.Headers.NonValidated, Fields);
        Length = ReadLength(response.Content.Headers.NonValidated);
        HasBody = !(call.Method.Method == "HEAD" || (int)StatusCode is 204 or 304);
        Length = (int)StatusCode == 204 ? null : Length;
        ended = !HasBody;
        headFailed = Judge(Fields);
    }

    internal override int JudgedAs => headFailed == 0 ? (int)StatusCode : headFailed;

    internal override int EndedAs => endFailed;

    public override async ValueTask<ReadOnlyMemory<byte>> ReadAsync()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref finished) != 0, this);
        if (ended)
        {
            return default;
        }
        int count;
        reading = true;
        call.Wait();
        try
        {
            stream ??= await response.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
            // Waiting for the first byte without a buffer: long streams are silent most of the time.
            if (buffer is null)
            {
                await stream.ReadAsync(Memory<byte>.Empty, cancel).ConfigureAwait(false);
                buffer = ArrayPool<byte>.Shared.Rent(PieceSize);
            }
            count = await stream.ReadAsync(buffer, cancel).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (call.Cut is { } cut)
            {
                throw Break(cut);
            }
            var meant = Wire.Explain(e, content, cancel, Failure.UpstreamBroken);
            throw meant is UpstreamException { Failure: Failure.UpstreamBroken } ? Break(meant.Message, e) : meant;
        }
        finally
        {
            call.Received();
            reading = false;
        }
        received += count;
        if (Length is { } length && (received > length || (count == 0 && received < length)))
        {
            throw Break("the upstream's body does not have the length it claims");
        }
        if (count > 0)
        {
            return buffer.AsMemory(0, count);
        }
        ended = true;
        var trailers = new FieldList();
        try
        {
            Copy(response.TrailingHeaders.NonValidated, trailers);
        }
        catch (UpstreamException e)
        {
            throw Break(e.Message, e);
        }
        Trailers = trailers.Count > 0 ? trailers : null;
        endFailed = headFailed == 0 ? Judge(trailers) : 0;
        return default;
    }

    protected override async ValueTask EndAsync()
    {
        if (Interlocked.Exchange(ref finished, 1) != 0)
        {
            return;
        }
        // First the stream is reset, if it has not ended: it wakes a body that waits for the upstream's window.
        response.Dispose();
        if (content is not null)
        {
            await content.StopAsync().ConfigureAwait(false);
        }
        // A read that nobody waits for any more may still write to it; then it is left to the collector.
        if (buffer is { } rented && !reading)
        {
            buffer = null;
            ArrayPool<byte>.Shared.Return(rented);
        }
        wire.Leave();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && Volatile.Read(ref finished) == 0)
        {
            _ = FinishAsync().AsTask();
        }
        base.Dispose(disposing);
    }

    /// <summary>
    /// What HTTP calls a gRPC answer's failure; 0 for none, and for two that a client has in its hand: a method that nobody has,
    /// and a time that it alone made too short. In an answer that isn't gRPC the field means nothing.
    /// </summary>
    private int Judge(FieldList fields)
    {
        if (StatusCode != System.Net.HttpStatusCode.OK || fields.Find("grpc-status") is not { } text
            || Fields.Find("Content-Type")?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) != true)
        {
            return 0;
        }
        var status = GrpcStatuses.Parse(text);
        return status is GrpcStatus.Ok or GrpcStatus.Unimplemented || (status == GrpcStatus.DeadlineExceeded && call.IsShortened) ? 0 : GrpcStatuses.ToHttp(status);
    }

    private static void Copy(HttpHeadersNonValidated from, FieldList to)
    {
        foreach (var (name, values) in from)
        {
            if (FieldRules.IsOfTheConnection(name))
            {
                continue;
            }
            foreach (var value in values)
            {
                if (!Token.IsValid(name) || !FieldRules.IsValue(value))
                {
                    throw new UpstreamException(Failure.UpstreamProtocol, "the upstream sent a control character in a field");
                }
                to.Add(name, value);
            }
        }
    }

    private static long? ReadLength(HttpHeadersNonValidated headers)
    {
        if (!headers.TryGetValues("Content-Length", out var values))
        {
            return null;
        }
        long? length = null;
        foreach (var value in values)
        {
            if (!long.TryParse(value, System.Globalization.NumberStyles.None, null, out var parsed) || (length is { } before && before != parsed))
            {
                throw new UpstreamException(Failure.UpstreamProtocol, "the upstream sent an invalid Content-Length");
            }
            length = parsed;
        }
        return length;
    }
}
