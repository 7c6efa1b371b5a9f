using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Pipeline;
using Postern.Transforms;

namespace Postern.Backends.Proxying;

/// <summary>
/// After a 101: two streams, copied both ways until one side ends. A WebSocket takes the same edge chain as any request;
/// only here does it part from it.
/// </summary>
internal static class Tunnel
{
    public static async Task RelayAsync(HttpContext context, Exchange exchange, UpstreamReply reply, HeaderRules? rules)
    {
        ResponseHead.Copy(context, exchange, reply, rules);
        var upstream = reply.TakeConnection();
        var client = await AcceptAsync(context);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        var up = UpAsync(client, upstream.Output, exchange, ended.Token);
        var down = DownAsync(upstream.Input, client, exchange, ended.Token);
        await Task.WhenAny(up, down);
        // Either end of the conversation is the end of both; what the ended side had sent has been passed on by now.
        await ended.CancelAsync();
        // A pipe that is completed gives its memory away, so nobody may still be reading into it.
        await Task.WhenAll(up, down);
        await EndAsync(upstream, client);
    }

    private static async Task EndAsync(IDuplexPipe upstream, Stream client)
    {
        try
        {
            await upstream.Output.CompleteAsync();
            await upstream.Input.CompleteAsync();
            await client.DisposeAsync();
        }
        catch (Exception e) when (IsEnd(e))
        {
        }
    }

    private static async Task<Stream> AcceptAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true } extended)
        {
            context.Response.StatusCode = StatusCodes.Status200OK;
            context.Response.Headers.Remove("Sec-WebSocket-Accept");
            context.Response.Headers.Remove("Upgrade");
            return await extended.AcceptAsync();
        }
        return await context.Features.Get<IHttpUpgradeFeature>()!.UpgradeAsync();
    }

    private static async Task UpAsync(Stream client, PipeWriter upstream, Exchange exchange, CancellationToken ended)
    {
        try
        {
            while (await client.ReadAsync(upstream.GetMemory(4096), ended) is > 0 and var read)
            {
                exchange.BytesReceived += read;
                upstream.Advance(read);
                if ((await upstream.FlushAsync(ended)).IsCompleted)
                {
                    return;
                }
            }
        }
        catch (Exception e) when (IsEnd(e))
        {
        }
    }

    private static async Task DownAsync(PipeReader upstream, Stream client, Exchange exchange, CancellationToken ended)
    {
        try
        {
            while (true)
            {
                var result = await upstream.ReadAsync(ended);
                foreach (var piece in result.Buffer)
                {
                    exchange.BytesSent += piece.Length;
                    await client.WriteAsync(piece, ended);
                }
                upstream.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted || result.IsCanceled)
                {
                    return;
                }
            }
        }
        catch (Exception e) when (IsEnd(e))
        {
        }
    }

    /// <summary>A side that vanished is an end like any other: the protocol above knows what it missed.</summary>
    private static bool IsEnd(Exception e) =>
        e is OperationCanceledException or IOException or HttpRequestException or InvalidOperationException or ObjectDisposedException or BadHttpRequestException;
}
