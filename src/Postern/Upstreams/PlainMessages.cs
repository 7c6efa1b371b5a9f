using System.IO.Pipelines;
using System.Net.Http.Headers;
using Postern.Pipeline;
using Postern.Upstreams.Forwarding;

namespace Postern.Upstreams;

/// <summary>
/// Lets code send a plain <see cref="HttpRequestMessage"/> over the chain that proxied requests take: it becomes an
/// <see cref="UpstreamCall"/>, and the reply becomes a plain <see cref="HttpResponseMessage"/>. Outermost, so that every
/// handler behind it meets calls only.
/// </summary>
internal sealed class PlainMessages(HttpMessageHandler next) : DelegatingHandler(next)
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        request is UpstreamCall ? base.SendAsync(request, cancellationToken) : ConvertAsync(request, cancellationToken);

    private async Task<HttpResponseMessage> ConvertAsync(HttpRequestMessage request, CancellationToken cancel)
    {
        var call = new UpstreamCall
        {
            Method = request.Method,
            Target = request.RequestUri is not { } uri ? "/" : uri.IsAbsoluteUri ? uri.PathAndQuery : uri.OriginalString,
            Host = request.Headers.Host,
        };
        Add(call, request.Headers.NonValidated);
        if (request.Content is { } content)
        {
            Add(call, content.Headers.NonValidated);
            call.Body = PipeReader.Create(await content.ReadAsStreamAsync(cancel).ConfigureAwait(false), new StreamPipeReaderOptions(bufferSize: 16 * 1024, leaveOpen: true));
            call.BodyLength = content.Headers.ContentLength;
            call.ExpectContinue = request.Headers.ExpectContinue == true;
        }
        var reply = (UpstreamReply)await base.SendAsync(call, cancel).ConfigureAwait(false);
        var response = new HttpResponseMessage(reply.StatusCode) { RequestMessage = request, ReasonPhrase = reply.ReasonPhrase, Version = reply.Version };
        if (!reply.HasBody)
        {
            response.Content = new ByteArrayContent([]);
            Fill(response, reply);
            await reply.FinishAsync().ConfigureAwait(false);
            return response;
        }
        response.Content = new StreamContent(new ReplyStream(reply, response));
        Fill(response, reply);
        return response;
    }

    private static void Add(UpstreamCall call, HttpHeadersNonValidated headers)
    {
        foreach (var (name, values) in headers)
        {
            if (!FieldRules.IsOfTheConnection(name) || name.Equals("TE", StringComparison.OrdinalIgnoreCase))
            {
                foreach (var value in values)
                {
                    call.Fields.Add(name, value);
                }
            }
        }
    }

    private static void Fill(HttpResponseMessage response, UpstreamReply reply)
    {
        foreach (var (name, value) in reply.Fields.Fields)
        {
            if (!response.Headers.TryAddWithoutValidation(name, value))
            {
                response.Content.Headers.TryAddWithoutValidation(name, value);
            }
        }
        // Of an empty content the length is known to be 0, but HEAD and 304 tell another's.
        response.Content.Headers.ContentLength = reply.Length ?? (reply.HasBody ? null : 0);
    }
}

/// <summary>A reply's body as a stream; at its end the connection goes back by itself, since few readers dispose.</summary>
internal sealed class ReplyStream(UpstreamReply reply, HttpResponseMessage response) : Stream
{
    private ReadOnlyMemory<byte> piece;
    private bool ended;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (piece.IsEmpty && !ended && buffer.Length > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using (cancellationToken.UnsafeRegister(static r => ((UpstreamReply)r!).Dispose(), reply))
            {
                try
                {
                    piece = await reply.ReadAsync().ConfigureAwait(false);
                }
                catch (Exception e) when (cancellationToken.IsCancellationRequested)
                {
                    throw new OperationCanceledException("The read was cancelled.", e, cancellationToken);
                }
            }
            if (piece.IsEmpty)
            {
                ended = true;
                if (reply.Trailers is { } trailers)
                {
                    foreach (var (name, value) in trailers.Fields)
                    {
                        response.TrailingHeaders.TryAddWithoutValidation(name, value);
                    }
                }
                await reply.FinishAsync().ConfigureAwait(false);
            }
        }
        var count = Math.Min(piece.Length, buffer.Length);
        piece[..count].CopyTo(buffer);
        piece = piece[count..];
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override ValueTask DisposeAsync()
    {
        ended = true;
        return reply.FinishAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            ended = true;
            reply.Dispose();
        }
        base.Dispose(disposing);
    }

    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
