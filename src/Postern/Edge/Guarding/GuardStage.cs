using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Wire;

namespace Postern.Edge.Guarding;

/// <summary>
/// Refuses what no later step should ever see: requests that two parsers would read differently, requests that go round
/// in circles, and bodies that are too large, before a byte of them is read. Fields whose names have an underscore are
/// taken away, because many servers read <c>X_User</c> as <c>X-User</c>. Stands right behind observing, so that all it
/// refuses is seen, and before everything that believes a header.
/// </summary>
internal sealed class GuardStage : IStage
{
    /// <inheritdoc/>
    public RequestDelegate Compile(RouteScope scope, RequestDelegate next)
    {
        var maxBody = scope.Options<GuardOptions>().MaxBody;
        scope.Note("guard", maxBody is { } size ? $"maxBody {size}" : "maxBody off");
        var dropped = MetricRegistry.Of(scope.State).Counter(
            "postern_request_underscore_headers_dropped_total", "Request header fields dropped because their name has an underscore.");
        return new Guard(next, maxBody?.Bytes, dropped).InvokeAsync;
    }

    private sealed class Guard(RequestDelegate next, long? maxBody, Counter dropped)
    {
        /// <summary>A byte in a chunk of its own, <c>1 CRLF x CRLF</c>, with room for the end.</summary>
        private const long ChunkCost = 8;

        // RFC 9110 §5.5: a field value has no controls but the tab.
        private static readonly SearchValues<char> Controls = SearchValues.Create(
            [.. Enumerable.Range(0, 0x20).Where(c => c != '\t').Append(0x7f).Select(c => (char)c)]);

        private static readonly SearchValues<char> NameChars = SearchValues.Create(
            "!#$%&'*+-.^`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"); // A token without '_'.

        public Task InvokeAsync(HttpContext context)
        {
            var headers = context.Request.Headers;
            List<string>? underscored = null;
            foreach (var (name, values) in headers)
            {
                if (name.AsSpan().ContainsAnyExcept(NameChars) || name.Length == 0)
                {
                    if (!Token.IsValid(name))
                    {
                        return RefuseAsync(context, Failure.BadRequest, "A header field's name is not a token.");
                    }
                    (underscored ??= []).Add(name);
                    continue;
                }
                if (HasControls(values))
                {
                    return RefuseAsync(context, Failure.BadRequest, $"The header field {name} has a control character.");
                }
            }
            if (underscored is not null)
            {
                Drop(headers, underscored);
            }
            if (FindFault(context, headers) is { } fault)
            {
                return RefuseAsync(context, Failure.BadRequest, fault);
            }
            if (headers.Via is { Count: > 0 } via && Via.CountPasses(via) >= Via.MaxPasses)
            {
                return Answer.FailAsync(context, Failure.Loop);
            }
            return BoundBody(context, headers) ? next(context) : RefuseAsync(context, Failure.BodyTooLarge, null);
        }

        private static bool HasControls(StringValues values)
        {
            for (var i = 0; i < values.Count; i++)
            {
                if (values[i].AsSpan().ContainsAny(Controls))
                {
                    return true;
                }
            }
            return false;
        }

        private void Drop(IHeaderDictionary headers, List<string> names)
        {
            foreach (var name in names)
            {
                var count = headers[name].Count;
                dropped.Add(count);
                Instruments.UnderscoreHeadersDropped.Add(count);
                headers.Remove(name);
            }
        }

        /// <summary>What makes the request's framing, or who it is from, a matter of opinion.</summary>
        private static string? FindFault(HttpContext context, IHeaderDictionary headers)
        {
            if (headers.TransferEncoding is { Count: > 0 } encoding)
            {
                // RFC 9112 §6.1. Kestrel prefers Transfer-Encoding and keeps the length it ignored as X-Content-Length.
                if (headers.ContentLength is not null || headers.ContainsKey("X-Content-Length"))
                {
                    return "The request has both Transfer-Encoding and Content-Length.";
                }
                if (encoding.Count > 1 || !"chunked".Equals(encoding[0], StringComparison.OrdinalIgnoreCase))
                {
                    return "The request's Transfer-Encoding is not 'chunked'.";
                }
                if (!HttpProtocol.IsHttp11(context.Request.Protocol))
                {
                    return "Transfer-Encoding belongs to HTTP/1.1.";
                }
            }
            var method = context.Request.Method;
            // RFC 9110 §9.1: case-sensitive. An upstream that doesn't know may take 'get' for GET, and 'head' for an answer with a body.
            if (method.AsSpan().IndexOfAnyInRange('a', 'z') >= 0 && HttpMethods.GetCanonicalizedValue(method) != method)
            {
                return $"'{method}' is no method; the name of one is case-sensitive.";
            }
            // RFC 9110 §9.3.6; over HTTP/2 it may open a WebSocket (RFC 8441).
            if (HttpMethods.IsConnect(method) && context.Features.Get<IHttpExtendedConnectFeature>() is not { IsExtendedConnect: true })
            {
                return "CONNECT asks for a tunnel, and this gateway makes none.";
            }
            return headers.Authorization.Count > 1 ? "The request has several Authorization fields."
                : headers.ContentType.Count > 1 ? "The request has several Content-Type fields."
                : null;
        }

        /// <summary>False if the body is known to be too large; else makes reading past the bound fail.</summary>
        private bool BoundBody(HttpContext context, IHeaderDictionary headers)
        {
            if (headers.ContentLength is { } length)
            {
                if (length > maxBody)
                {
                    return false;
                }
                if (length == 0)
                {
                    return true;
                }
            }
            else if (HttpProtocol.IsHttp11(context.Request.Protocol) ? headers.TransferEncoding.Count == 0 : !CanHaveBody(context))
            {
                return true;
            }
            var servers = maxBody;
            if (maxBody is { } max && headers.TransferEncoding.Count > 0)
            {
                var body = new BoundedBody(context.Request.BodyReader, max);
                context.Features.Set<IRequestBodyPipeFeature>(body);
                context.Request.Body = body.AsStream();
                servers = max < long.MaxValue / ChunkCost ? (max + ChunkCost) * ChunkCost : null;
            }
            // The server's own bound is another one, and would hold where the route says off.
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } bound && bound.MaxRequestBodySize != servers)
            {
                bound.MaxRequestBodySize = servers;
            }
            return true;
        }

        // A tunnel's bytes (RFC 8441) are no body.
        private static bool CanHaveBody(HttpContext context) =>
            context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != false && !HttpMethods.IsConnect(context.Request.Method);

        /// <summary>
        /// Refuses a request whose body is left unread. On HTTP/1 the connection is not used again: where the next request
        /// begins is what is in doubt, or behind too many bytes. The server still reads on for some seconds before it
        /// closes; closing at once would reset the connection and take the answer from a client that is still sending.
        /// </summary>
        private static Task RefuseAsync(HttpContext context, Failure failure, string? detail)
        {
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } bound)
            {
                bound.MaxRequestBodySize = null; // Bounds what is thrown away, too: past it the server would close at once.
            }
            if (!HttpProtocol.IsHttp2(context.Request.Protocol) && !HttpProtocol.IsHttp3(context.Request.Protocol) && !IsCheaplyRead(context, failure))
            {
                context.Response.OnStarting(static response =>
                {
                    ((HttpResponse)response).Headers.Connection = "close";
                    return Task.CompletedTask;
                }, context.Response);
            }
            return Answer.FailAsync(context, failure, detail);
        }

        /// <summary>A body of known, small length is read past for less than another connection costs.</summary>
        private static bool IsCheaplyRead(HttpContext context, Failure failure) =>
            failure == Failure.BodyTooLarge && context.Request.ContentLength <= 64 * 1024 && context.Request.Headers.Expect.Count == 0;
    }
}
