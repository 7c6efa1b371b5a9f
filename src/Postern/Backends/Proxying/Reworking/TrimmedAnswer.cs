using System.Buffers;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms;
using Postern.Transforms.Json;
using Postern.Transforms.Trimming;

namespace Postern.Backends.Proxying.Reworking;

/// <summary>
/// Streams one answer through a <see cref="TrimPass"/>. What is left is held until the upstream has no more ready, or for so much:
/// then it leaves, with the head in front of it the first time. So a small answer has a length, a large one never waits for
/// the whole, and as long as nothing has left, what turns out to be no JSON is a 502. One that is guessed to be JSON, though it doesn't say so,
/// goes as it came where it doesn't look like it either.
/// </summary>
internal sealed class TrimmedAnswer(
    HttpContext context, Exchange exchange, UpstreamCall call, UpstreamReply reply, HeaderRules? rules, TrimPass pass, bool guessed)
    : ReworkedAnswer(context, exchange, call, reply, rules)
{
    private const int MostHeld = 64 * 1024;

    /// <summary>Trimmed at once: new names may be longer than the old, so that little becomes much.</summary>
    private const int MostAtOnce = 16 * 1024;

    private readonly JsonOutput held = new(int.MaxValue);
    private readonly HttpContext context = context;
    private readonly UpstreamReply reply = reply;
    private bool isGuessing = guessed;

    /// <inheritdoc/>
    public override async Task<UpstreamException?> RelayAsync()
    {
        using var _ = held;
        try
        {
            while (true)
            {
                var next = reply.ReadAsync();
                if (!next.IsCompleted && held.Length > 0 && !isGuessing)
                {
                    await SendAsync();
                }
                var piece = await next;
                if (piece.IsEmpty)
                {
                    break;
                }
                BytesRead += piece.Length;
                for (var at = 0; at < piece.Length; at += MostAtOnce)
                {
                    if (!Take(piece.Span.Slice(at, Math.Min(MostAtOnce, piece.Length - at))))
                    {
                        return Invalid();
                    }
                    if (held.Length >= MostHeld)
                    {
                        await SendAsync();
                    }
                }
            }
        }
        catch (UpstreamException e)
        {
            return e;
        }
        // No body at all is not half a one.
        if (!IsAsItCame && !isGuessing && !pass.IsEmpty && !pass.End())
        {
            return Invalid();
        }
        await EndAsync();
        return null;
    }

    /// <summary>Holds what is left of a part of a piece; false where it can't be looked into.</summary>
    private bool Take(ReadOnlySpan<byte> part)
    {
        if (!isGuessing && !IsAsItCame)
        {
            return pass.Write(part, held);
        }
        held.Write(part);
        if (isGuessing && Beginning.IsJson(held) is { } isJson)
        {
            (isGuessing, IsAsItCame) = (false, !isJson);
            var beginning = isJson ? held.Written.ToArray() : [];
            held.Truncate(held.Length - beginning.Length);
            return IsAsItCame || pass.Write(beginning, held);
        }
        return !isGuessing || held.Length < Beginning.MostBytes;
    }

    private UpstreamException Invalid() => Fail("invalid", $"is {pass.Problem ?? "not JSON, as far as it can be seen"}");

    private async ValueTask SendAsync()
    {
        if (!context.Response.HasStarted)
        {
            Begin(null);
        }
        Write();
        await ResponseBody.FlushAsync(context.Response.BodyWriter);
    }

    private async ValueTask EndAsync()
    {
        IsAsItCame |= isGuessing;
        if (!IsAsItCame)
        {
            BodyFields.RemoveFrom(reply.Trailers);
        }
        if (!context.Response.HasStarted)
        {
            Begin(reply.Trailers is { Count: > 0 } ? null : held.Length);
        }
        Write();
        ResponseBody.WriteEnd(context, reply, IsChunked);
        if (context.Response.HasStarted && !HttpProtocol.IsHttp2(context.Request.Protocol) && !HttpProtocol.IsHttp3(context.Request.Protocol))
        {
            await ResponseBody.FlushAsync(context.Response.BodyWriter);
        }
    }

    private void Write()
    {
        if (held.Length == 0)
        {
            return;
        }
        Left(held.Length);
        if (IsChunked)
        {
            ResponseBody.WriteChunk(context.Response.BodyWriter, held.Written);
        }
        else
        {
            context.Response.BodyWriter.Write(held.Written);
        }
        held.Truncate(0);
    }
}
