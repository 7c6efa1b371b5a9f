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
        foreach (var (name, value) in reply.Fields.Fields)
        {
            if (name.Length == 12 && name.Equals("X-Request-Id", StringComparison.OrdinalIgnoreCase))
            {
                continue; // the client gets the id under which this gateway knows the request
            }
            if (!headers.TryAdd(name, value))
            {
                headers.Append(name, value);
            }
        }
        var via = Via.Entry(reply.Version.Major == 2 ? "HTTP/2" : "HTTP/1.1");
        headers.Via = headers.Via.Count == 0 ? via : $"{headers.Via}, {via}";
        response.ContentLength = reply.StatusCode == System.Net.HttpStatusCode.ResetContent ? 0 : reply.Length;
        rules?.Apply(headers);
    }
}
