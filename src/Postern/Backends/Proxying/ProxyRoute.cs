using Microsoft.AspNetCore.Http;
using Postern.Backends.Proxying.Mirroring;
using Postern.Backends.Proxying.Reworking;
using Postern.Pipeline;
using Postern.Transforms;
using Postern.Transforms.FallingBack;

namespace Postern.Backends.Proxying;

/// <summary>One route's proxying, request by request.</summary>
internal sealed class ProxyRoute(
    Targets targets, bool preserveHost, TimeSpan? timeout, HeaderRules? requestRules, HeaderRules? responseRules)
{
    /// <summary>What stands in for the upstream where it fails; null for nothing.</summary>
    public Fallback? Fallback { get; init; }

    /// <summary>Who is asked then, where the fallback asks somebody. It has no fallback itself, so that there is no circle.</summary>
    public ProxyRoute? Standby { get; init; }

    /// <summary>Who gets copies; null for nobody.</summary>
    public Mirror? Mirror { get; init; }

    /// <summary>What is done to JSON on its way back; null for nothing.</summary>
    public Rework? Rework { get; init; }

    public async Task HandleAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);

        // 1. Where to, and what.
        var target = targets.Choose(context, exchange);
        var call = Prepare(context, exchange, target);
        Mirror?.Copy(context, exchange, call);
        UpstreamReply? reply = null;
        Fallback.Reason? instead = null;
        try
        {
            // 2. Send it through the upstream's chain; the head of the answer comes back.
            reply = (UpstreamReply)await target.Upstream.Chain.SendAsync(call, exchange.ClientGone(context));
            (exchange.Destination, exchange.Attempts) = (call.DestinationName, call.Attempt);
            instead = CanFallBack(context, call) ? Fallback!.For(reply) : null;

            // 3. Relay the answer, or two streams where the upstream agreed to another protocol.
            if (instead is not null)
            {
                // Nothing of it has reached the client, and nothing will.
            }
            else if (reply.StatusCode == System.Net.HttpStatusCode.SwitchingProtocols)
            {
                await Tunnel.RelayAsync(context, exchange, reply, responseRules);
                if (call.Cut is { } cut)
                {
                    (exchange.Failure, exchange.FailureReason) = (cut.Failure, cut.Message);
                }
            }
            else if (HttpMethods.IsConnect(context.Request.Method) && (int)reply.StatusCode < 300)
            {
                // RFC 8441 §5: over HTTP/2 any 2xx tells the client that its WebSocket is open.
                throw new UpstreamException(Failure.UpstreamProtocol, $"the upstream answered {(int)reply.StatusCode} to a request to switch protocols");
            }
            else if (Rework is not null && Rework.Takes(call, reply))
            {
                await ReworkAsync(context, exchange, call, reply);
            }
            else
            {
                ResponseHead.Copy(context, exchange, reply, responseRules);
                if (call.ExpectContinue && !call.BodyBegun)
                {
                    Answer.CloseUnasked(context);
                }
                // RFC 9110 §15.3.6: 205 has no content, and the server can't send any with it.
                if (reply.HasBody && reply.StatusCode != System.Net.HttpStatusCode.ResetContent)
                {
                    await ResponseBody.RelayAsync(context, exchange, reply);
                }
            }
        }
        catch (Exception e) when (e is UpstreamException or OperationCanceledException or BadHttpRequestException or IOException)
        {
            (exchange.Destination, exchange.Attempts) = (call.DestinationName, call.Attempt);
            instead = reply is null && CanFallBack(context, call) && !exchange.ClientGone(context).IsCancellationRequested ? Fallback!.For(e) : null;
            if (instead is null)
            {
                await FailAsync(context, exchange, e);
            }
        }
        finally
        {
            // 4. Nothing may touch the request's body once the server has it back.
            if (reply is not null)
            {
                await (instead is null ? reply.FinishAsync() : reply.DiscardAsync());
            }
        }

        // 5. Where the upstream failed and something stands in for it, that answers.
        if (instead is not null)
        {
            await StandInAsync(context, exchange, instead);
        }
    }

    private Task StandInAsync(HttpContext context, Exchange exchange, Fallback.Reason instead)
    {
        Fallback!.Begin(exchange, instead);
        return Standby is null ? Fallback.AnswerAsync(context, instead, responseRules) : Standby.HandleAsync(context);
    }

    /// <summary>Relays the answer reworked. Nothing of one that can't be has reached the client, as long as its beginning is good.</summary>
    private async Task ReworkAsync(HttpContext context, Exchange exchange, UpstreamCall call, UpstreamReply reply)
    {
        if (await Rework!.RelayAsync(context, exchange, call, reply, responseRules) is not { } failed)
        {
            return;
        }
        if (!context.Response.HasStarted && CanFallBack(context, call) && Fallback!.For(failed) is { } instead)
        {
            await reply.DiscardAsync();
            await StandInAsync(context, exchange, instead);
            return;
        }
        await FailAsync(context, exchange, failed);
    }

    /// <summary>
    /// Whether anything can stand in for this request's answer: nobody can be asked with a body that is half gone, and over HTTP/2 a
    /// fixed 2xx would open a WebSocket that nobody speaks (RFC 8441 §5).
    /// </summary>
    private bool CanFallBack(HttpContext context, UpstreamCall call) => Fallback is not null
        && (Standby is null ? !HttpMethods.IsConnect(context.Request.Method) || Fallback.Fixed!.Status >= 300 : call.Body is null || !call.BodyBegun);

    private UpstreamCall Prepare(HttpContext context, Exchange exchange, Target target)
    {
        var request = context.Request;
        var call = new UpstreamCall
        {
            Method = HttpMethod.Parse(request.Method),
            Exchange = exchange,
            Target = target.Url.Fill(exchange),
            Fields = exchange.CallFields,
            Timeout = timeout,
        };
        exchange.Upstream = target.Upstream.Name;
        call.Fields.Clear();
        RequestHead.Copy(context, exchange, call);
        if (preserveHost)
        {
            call.Host = request.Headers.Host;
        }
        requestRules?.Apply(call.Fields);
        Rework?.Ask(call);
        return call;
    }

    /// <summary>Whose fault it was decides what the client reads.</summary>
    private static Task FailAsync(HttpContext context, Exchange exchange, Exception e)
    {
        if (exchange.ClientGone(context).IsCancellationRequested)
        {
            return Answer.FailAsync(context, Failure.ClientGone);
        }
        return e switch
        {
            UpstreamException upstream => Answer.FailAsync(context, upstream.Failure, reason: upstream.Message, retryAfter: upstream.RetryAfter),
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => Answer.FailAsync(context, Failure.BodyTooLarge),
            BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } => Answer.FailAsync(context, Failure.BodyTooSlow),
            // All that the server says of a client that left within its body.
            BadHttpRequestException { Message: "Unexpected end of request content." } => Answer.FailAsync(context, Failure.ClientGone, reason: e.Message),
            BadHttpRequestException bad => Answer.FailAsync(context, Failure.BadRequest, reason: bad.Message),
            _ => Answer.FailAsync(context, Failure.ClientGone, reason: e.Message),
        };
    }
}
