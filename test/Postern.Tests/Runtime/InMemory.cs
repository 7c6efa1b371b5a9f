using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Runtime;

namespace Postern.Tests.Runtime;

/// <summary>Requests to a gateway without a server in front of it.</summary>
internal static class InMemory
{
    /// <summary>The body of the answer to a GET.</summary>
    public static async Task<string> AskAsync(GatewayRuntime runtime, string target)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = "GET";
        // Without a server nobody takes chunks apart; HTTP/2 has none.
        context.Request.Protocol = "HTTP/2";
        context.Request.Scheme = "http";
        context.Features.Get<IHttpRequestFeature>()!.RawTarget = target;
        var body = new MemoryStream();
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(body));
        await runtime.HandleAsync(context);
        await context.Response.CompleteAsync();
        return Encoding.UTF8.GetString(body.ToArray());
    }
}
