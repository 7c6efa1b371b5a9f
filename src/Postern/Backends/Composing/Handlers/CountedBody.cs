using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Pipeline;

namespace Postern.Backends.Composing.Handlers;

/// <summary>Counts what code sends, by whatever way it sends it: an <c>IResult</c>, the response's stream, a file.</summary>
internal sealed class CountedBody : IHttpResponseBodyFeature
{
    private readonly HttpContext context;
    private readonly IHttpResponseBodyFeature inner;
    private readonly Exchange exchange;
    private Stream? stream;
    private PipeWriter? writer;

    private CountedBody(HttpContext context, Exchange exchange) =>
        (this.context, this.exchange, inner) = (context, exchange, context.Features.GetRequiredFeature<IHttpResponseBodyFeature>());

    public Stream Stream => stream ??= Writer.AsStream(leaveOpen: true);

    public PipeWriter Writer => writer ??= new Counted(inner.Writer, exchange);

    /// <summary>Counts from here on.</summary>
    public static CountedBody Put(HttpContext context, Exchange exchange)
    {
        var counted = new CountedBody(context, exchange);
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            context.Features.Set<IHttpResponseBodyFeature>(counted);
        }
        return counted;
    }

    /// <summary>Counts no more: what the gateway answers itself it counts itself.</summary>
    public void Remove() => context.Features.Set(inner);

    public void DisableBuffering() => inner.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default) => inner.StartAsync(cancellationToken);

    public Task CompleteAsync() => inner.CompleteAsync();

    public async Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default)
    {
        await inner.SendFileAsync(path, offset, count, cancellationToken);
        exchange.BytesSent += count ?? new FileInfo(path).Length - offset;
    }

    private sealed class Counted(PipeWriter inner, Exchange exchange) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override void Advance(int bytes)
        {
            exchange.BytesSent += bytes;
            inner.Advance(bytes);
        }

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => inner.FlushAsync(cancellationToken);

        public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
        {
            exchange.BytesSent += source.Length;
            return inner.WriteAsync(source, cancellationToken);
        }

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);
    }
}
