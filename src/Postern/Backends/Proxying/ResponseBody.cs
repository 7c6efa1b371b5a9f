using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Pipeline;

namespace Postern.Backends.Proxying;

/// <summary>
/// Streams a body to the client. Bytes are flushed exactly when the upstream has no more ready: a small answer leaves in
/// one packet with its head, an event stream leaves event by event, and a large body never waits for the whole.
/// </summary>
internal static class ResponseBody
{
    /// <summary>An upstream that is always ahead never lets the loop wait; this is as far as it may get.</summary>
    private const int MostUnflushed = 64 * 1024;

    public static async Task RelayAsync(HttpContext context, Exchange exchange, UpstreamReply reply)
    {
        var writer = context.Response.BodyWriter;
        // The server can't send trailers over HTTP/1.1; where a body has no length its chunks are written here, and they can.
        var chunked = reply.Length is null && HttpProtocol.IsHttp11(context.Request.Protocol);
        if (chunked)
        {
            context.Response.Headers.TransferEncoding = "chunked";
        }
        var unflushed = 0;
        while (true)
        {
            ReadOnlyMemory<byte> piece;
            try
            {
                var next = reply.ReadAsync();
                if (!next.IsCompleted || unflushed >= MostUnflushed)
                {
                    await FlushAsync(writer);
                    unflushed = 0;
                }
                piece = await next;
            }
            catch (UpstreamException)
            {
                // What is written but not flushed would be taken for the body of the error answer.
                await FlushAsync(writer);
                throw;
            }
            if (piece.IsEmpty)
            {
                break;
            }
            exchange.BytesSent += piece.Length;
            unflushed += piece.Length;
            if (chunked)
            {
                WriteChunk(writer, piece.Span);
            }
            else
            {
                writer.Write(piece.Span);
            }
        }
        WriteEnd(context, reply, chunked);
        // Over HTTP/1 the server sends what is left by itself only if the head is among it; else it would keep it until the next answer.
        if (context.Response.HasStarted && !HttpProtocol.IsHttp2(context.Request.Protocol) && !HttpProtocol.IsHttp3(context.Request.Protocol))
        {
            await FlushAsync(writer);
        }
    }

    /// <summary>What comes behind the body: trailers, and the end of one in chunks.</summary>
    internal static void WriteEnd(HttpContext context, UpstreamReply reply, bool chunked)
    {
        if (chunked)
        {
            WriteEnd(context.Response.BodyWriter, reply);
        }
        else if (reply.Trailers is { } trailers && context.Features.Get<IHttpResponseTrailersFeature>() is { } feature)
        {
            foreach (var (name, value) in trailers.Fields)
            {
                feature.Trailers.Append(name, value);
            }
        }
    }

    internal static async ValueTask FlushAsync(PipeWriter writer)
    {
        var flushed = await writer.FlushAsync();
        if (flushed.IsCompleted)
        {
            throw new OperationCanceledException();
        }
    }

    internal static void WriteChunk(PipeWriter writer, ReadOnlySpan<byte> piece)
    {
        var head = writer.GetSpan(16);
        Utf8Formatter.TryFormat(piece.Length, head, out var written, new StandardFormat('x'));
        head[written] = (byte)'\r';
        head[written + 1] = (byte)'\n';
        writer.Advance(written + 2);
        writer.Write(piece);
        writer.Write("\r\n"u8);
    }

    private static void WriteEnd(PipeWriter writer, UpstreamReply reply)
    {
        writer.Write("0\r\n"u8);
        if (reply.Trailers is { } trailers)
        {
            foreach (var (name, value) in trailers.Fields)
            {
                WriteLatin1(writer, name);
                writer.Write(": "u8);
                WriteLatin1(writer, value);
                writer.Write("\r\n"u8);
            }
        }
        writer.Write("\r\n"u8);
    }

    private static void WriteLatin1(PipeWriter writer, string text)
    {
        var span = writer.GetSpan(text.Length);
        System.Text.Encoding.Latin1.GetBytes(text, span);
        writer.Advance(text.Length);
    }
}
