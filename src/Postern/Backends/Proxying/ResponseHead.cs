using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms;
using Postern.Wire;

namespace Postern.Backends.Proxying;

/// <summary>What of an upstream's answer reaches the client: its status and its end-to-end fields, and that it came this way.</summary>
internal static class ResponseHead
{
    public static void Copy(HttpContext context, Exchange exchange, UpstreamReply reply, HeaderRules? rules)
    {
        var response = context.Response;
        response.StatusCode = (int)reply.StatusCode;
        var headers = response.Headers;
        var via = "1.1 " + Via.Pseudonym;
        foreach (var (name, value) in reply.Fields.Fields)
        {
            if (name.Length == 12 && name.Equals("X-Request-Id", StringComparison.OrdinalIgnoreCase))
            {
                continue; // the client gets the id under which this gateway knows the request
            }
            if (name.Length == 3 && name.Equals("Via", StringComparison.OrdinalIgnoreCase))
            {
                headers.Append(name, value);
            }
            else if (!headers.TryAdd(name, value))
            {
                headers.Append(name, value);
            }
        }
        _ = headers.Via.Count == 0 ? headers.Via = reply.Version.Major == 2 ? Via.Http2 : Via.Http11 : headers.Via = $"{headers.Via}, {via}";
        response.ContentLength = reply.Length;
        rules?.Apply(headers);
    }
}
