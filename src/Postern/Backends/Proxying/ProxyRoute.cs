using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms;

namespace Postern.Backends.Proxying;

/// <summary>One route's proxying, request by request.</summary>
internal sealed class ProxyRoute(
    Targets targets, bool preserveHost, TimeSpan? timeout, HeaderRules? requestRules, HeaderRules? responseRules)
{
    public async Task HandleAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);

        // 1. Where to, and what.
        var target = targets.Choose(context, exchange);
        var call = Prepare(context, exchange, target);
        UpstreamReply? reply = null;
        try
        {
            // 2. Send it through the upstream's chain; the head of the answer comes back.
            reply = (UpstreamReply)await target.Upstream.Chain.SendAsync(call, exchange.ClientGone(context));
            exchange.Destination = call.DestinationName;

            // 3. Relay the answer, or two streams where the upstream agreed to another protocol.
            if (reply.StatusCode == System.Net.HttpStatusCode.SwitchingProtocols)
            {
                await Tunnel.RelayAsync(context, exchange, reply, responseRules);
            }
            else if (HttpMethods.IsConnect(context.Request.Method) && (int)reply.StatusCode < 300)
            {
                // RFC 8441 §5: over HTTP/2 any 2xx tells the client that its WebSocket is open.
                throw new UpstreamException(Failure.UpstreamProtocol, $"the upstream answered {(int)reply.StatusCode} to a request to switch protocols");
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
            exchange.Destination = call.DestinationName;
            await FailAsync(context, exchange, e);
        }
        finally
        {
            // 4. Nothing may touch the request's body once the server has it back.
            if (reply is not null)
            {
                await reply.FinishAsync();
            }
        }
    }

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
