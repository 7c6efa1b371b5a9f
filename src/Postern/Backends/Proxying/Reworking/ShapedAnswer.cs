using System.Buffers;
using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Transforms;
using Postern.Transforms.Json;
using Postern.Transforms.Trimming;

namespace Postern.Backends.Proxying.Reworking;

/// <summary>
/// Shapes one answer. An expression may read any of it, so all of it is read first, within a bound; what is dropped is gone before
/// it is kept. Until the last byte is there and shaped nothing leaves, so whatever is wrong with it is a 502.
/// </summary>
internal sealed class ShapedAnswer(HttpContext context, Exchange exchange, UpstreamCall call, UpstreamReply reply, HeaderRules? rules, TrimPass? pass, Shaper shaper)
    : ReworkedAnswer(context, exchange, call, reply, rules)
{
    /// <summary>What is larger takes longer than a thread that does I/O may be away.</summary>
    private const int MostAtOnce = 64 * 1024;

    private readonly HttpContext context = context;
    private readonly Exchange exchange = exchange;
    private readonly UpstreamReply reply = reply;

    /// <inheritdoc/>
    public override async Task<UpstreamException?> RelayAsync()
    {
        using var body = new JsonOutput(shaper.MostBytes);
        if (await ReadAsync(body) is { } failed)
        {
            return failed;
        }
        if (BytesRead == 0)
        {
            // No body at all is not half a one.
            Begin(0);
            return null;
        }
        if (body.Length > MostAtOnce)
        {
            await Task.Yield();
        }
        using var output = new JsonOutput(shaper.MostBytes);
        if (!JsonText.TryRead(body.WrittenMemory, out var text, out var problem))
        {
            return Fail("invalid", $"is not JSON: {problem}");
        }
        using (text)
        {
            if (shaper.Write(context, exchange, text.Root, output) is { } spent)
            {
                return Fail("work", spent);
            }
        }
        MediaTypes.Json(reply.Fields);
        shaper.Tell(reply.Fields);
        Begin(output.Length);
        Left(output.Length);
        context.Response.BodyWriter.Write(output.Written);
        return null;
    }

    private async ValueTask<UpstreamException?> ReadAsync(JsonOutput body)
    {
        try
        {
            while (await reply.ReadAsync() is { IsEmpty: false } piece)
            {
                BytesRead += piece.Length;
                if (pass is null)
                {
                    body.Write(piece.Span);
                }
                else if (!pass.Write(piece.Span, body))
                {
                    return Fail("invalid", $"is {pass.Problem}");
                }
                if (BytesRead > shaper.MostBytes || body.IsFull)
                {
                    return Fail("large", $"has more than maxBytes ({new ByteSize(shaper.MostBytes)}), and a shape needs all of it");
                }
            }
        }
        catch (UpstreamException e)
        {
            return e;
        }
        return BytesRead > 0 && pass is not null && !pass.End() ? Fail("invalid", $"is {pass.Problem}") : null;
    }
}
