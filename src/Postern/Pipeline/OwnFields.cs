using Microsoft.AspNetCore.Http;
using Postern.Wire;

namespace Postern.Pipeline;

/// <summary>What the gateway itself says to every upstream it calls for a request, whatever makes the call: where the request came from, its trace, who is calling.</summary>
internal static class OwnFields
{
    public static void Add(HttpContext context, Exchange exchange, FieldList fields)
    {
        var passed = context.Request.Headers.Via;
        fields.Add("X-Forwarded-For", exchange.ForwardedFor);
        fields.Add("X-Forwarded-Proto", exchange.ForwardedProto);
        if (exchange.ForwardedHost.Length > 0)
        {
            fields.Add("X-Forwarded-Host", exchange.ForwardedHost);
        }
        var via = Via.Entry(context.Request.Protocol);
        fields.Add("Via", passed.Count == 0 ? via : $"{passed}, {via}");
        fields.Add("traceparent", exchange.TraceParent);
        if (exchange.TraceState is not null)
        {
            fields.Add("tracestate", exchange.TraceState);
        }
        fields.Add("X-Request-Id", exchange.RequestId);
        foreach (var (name, value) in exchange.Told)
        {
            fields.Add(name, value);
        }
    }
}
