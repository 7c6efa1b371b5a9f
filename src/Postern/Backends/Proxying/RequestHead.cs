using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Backends.Proxying;

/// <summary>What of a client's request goes on: the end-to-end fields as they came, then what the gateway itself says.</summary>
internal static class RequestHead
{
    private const string WebSocket = "websocket";

    public static void Copy(HttpContext context, Exchange exchange, UpstreamCall call)
    {
        var headers = context.Request.Headers;
        var fields = call.Fields;
        // Read before anything of ours is added: what Connection names may only be the client's.
        var named = headers.Connection;
        foreach (var header in headers)
        {
            if (HopByHop.IsRequestField(header.Key) || (!exchange.PeerIsTrusted && HopByHop.IsForwarded(header.Key)) || (named.Count > 0 && HopByHop.Names(named, header.Key)))
            {
                continue;
            }
            if (header.Key.Length == UpstreamCall.AttemptField.Length && header.Key.Equals(UpstreamCall.AttemptField, StringComparison.OrdinalIgnoreCase))
            {
                // Anybody may say that it needn't be tried again; only a proxy that is trusted tells the upstream which try it is.
                call.IsRetry = UpstreamCall.IsLaterTry(header.Value);
                if (!exchange.PeerIsTrusted)
                {
                    continue;
                }
            }
            foreach (var value in header.Value)
            {
                fields.Add(header.Key, value ?? "");
            }
        }
        call.FieldsAreChecked = exchange.FieldsAreBytes;
        OwnFields.Add(context, exchange, fields);
        if (headers.TE.Count > 0 && HopByHop.Names(headers.TE, "trailers"))
        {
            fields.Add("TE", "trailers");
        }
        AddBody(context, call);
        AddUpgrade(context, call, named);
    }

    private static void AddBody(HttpContext context, UpstreamCall call)
    {
        var request = context.Request;
        if (request.ContentLength is 0)
        {
            call.BodyLength = 0;
        }
        else if (MayHaveBody(context))
        {
            call.Body = request.BodyReader;
            call.BodyLength = request.ContentLength;
            call.BodyTrailers = Trailers.Of(context);
            call.ExpectContinue = request.Headers.Expect.Count > 0
                && string.Equals(request.Headers.Expect[0], "100-continue", StringComparison.OrdinalIgnoreCase);
        }
    }

    /// <summary>HTTP/1.1 says in the head whether a body follows (RFC 9112 §6.3); asking the server is dearer.</summary>
    private static bool MayHaveBody(HttpContext context)
    {
        var request = context.Request;
        return HttpProtocol.IsHttp11(request.Protocol) && request.ContentLength is null && request.Headers.TransferEncoding.Count == 0
            ? false
            : context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;
    }

    private static void AddUpgrade(HttpContext context, UpstreamCall call, StringValues connection)
    {
        var upgrade = context.Request.Headers.Upgrade;
        if (upgrade.Count > 0 && context.Features.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest == true)
        {
            // Of all protocols only this one is passed on: a tunnel of HTTP/2 (h2c) would carry requests that no stage sees. What
            // is not passed on is answered as if it had not been asked for (RFC 9110 §7.8).
            call.Upgrade = HopByHop.Names(upgrade, WebSocket) && HopByHop.Names(connection, "upgrade") ? WebSocket : null;
            // An upgrade has no body; what follows the head belongs to the other protocol.
            call.Body = null;
            call.BodyLength = null;
        }
        else if (HttpMethods.IsConnect(context.Request.Method) && context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true } extended)
        {
            // RFC 8441: the HTTP/2 way to open a WebSocket, said to an HTTP/1.1 upstream in its own words.
            call.Method = HttpMethod.Get;
            call.Upgrade = extended.Protocol;
            call.Body = null;
            call.BodyLength = null;
            if (call.Fields.Find("Sec-WebSocket-Key") is null)
            {
                call.Fields.Add("Sec-WebSocket-Key", Convert.ToBase64String(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16)));
            }
        }
    }

    /// <summary>One delegate a request, made only for bodies.</summary>
    private static class Trailers
    {
        public static Func<IHeaderDictionary?> Of(HttpContext context) => () =>
            context.Features.Get<IHttpRequestTrailersFeature>() is { Available: true } trailers ? Harmless(trailers.Trailers, Exchange.Of(context).Reserved) : null;

        /// <summary>What may come last: an upstream may add trailers to the fields of the head, which have been guarded.</summary>
        private static IHeaderDictionary Harmless(IHeaderDictionary trailers, ReservedFields reserved)
        {
            var kept = new HeaderDictionary();
            foreach (var (name, values) in trailers)
            {
                if (HopByHop.IsTrailer(name) && !reserved.Contains(name))
                {
                    kept[name] = values;
                }
            }
            return kept;
        }
    }
}
