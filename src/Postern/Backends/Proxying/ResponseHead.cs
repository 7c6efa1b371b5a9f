using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Backends.Proxying.Reworking;
using Postern.Pipeline;
using Postern.Transforms;
using Postern.Wire;

namespace Postern.Backends.Proxying;

/// <summary>What of an upstream's answer reaches the client: its status and its end-to-end fields, and that it came this way.</summary>
internal static class ResponseHead
{
    /// <param name="context">The request.</param>
    /// <param name="exchange">What is known of it.</param>
    /// <param name="reply">The upstream's answer.</param>
    /// <param name="rules">What the configuration changes, or null.</param>
    /// <param name="reworked">Whether the client gets another body: what the upstream says of its own is left out.</param>
    public static void Copy(HttpContext context, Exchange exchange, UpstreamReply reply, HeaderRules? rules, bool reworked = false)
    {
        var response = context.Response;
        response.StatusCode = (int)reply.StatusCode;
        if (reply.Reason is not null)
        {
            context.Features.Get<IHttpResponseFeature>()!.ReasonPhrase = reply.Reason;
        }
        var headers = response.Headers;
        var fields = reply.Fields.Fields;
        var via = Via.Entry(reply.Version.Major == 2 ? "HTTP/2" : "HTTP/1.1");
        for (var i = 0; i < fields.Length; i++)
        {
            var (name, value) = fields[i];
            if (name.Length == 12 && name.Equals("X-Request-Id", StringComparison.OrdinalIgnoreCase))
            {
                continue; // the client gets the id under which this gateway knows the request
            }
            if (reworked && BodyFields.Contain(name))
            {
                continue;
            }
            // Asking the dictionary whether it has a field costs as much as setting it, and few fields come twice.
            if (IsRepeated(fields[..i], name))
            {
                headers.Append(name, value);
            }
            else
            {
                headers[name] = value;
            }
        }
        headers.Via = reply.Fields.Find("Via") is null ? via : $"{headers.Via}, {via}";
        response.ContentLength = reply.StatusCode == System.Net.HttpStatusCode.ResetContent ? 0 : reworked ? null : reply.Length;
        Answer.AddOwn(headers, exchange);
        rules?.Apply(headers);
    }

    private static bool IsRepeated(ReadOnlySpan<(string Name, string Value)> before, string name)
    {
        foreach (ref readonly var field in before)
        {
            if (field.Name.Length == name.Length && field.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }
        return false;
    }
}
