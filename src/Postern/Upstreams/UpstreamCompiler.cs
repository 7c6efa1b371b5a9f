using Postern.Pipeline;
using Postern.Upstreams.Forwarding;

namespace Postern.Upstreams;

/// <summary>
/// THE UPSTREAM PATH ON ONE PAGE. An upstream's chain is the handlers of <see cref="Features.Upstream"/>, outermost first:
/// every call to it, from whichever route or code, goes through all of them.
/// </summary>
internal static class UpstreamCompiler
{
    public static UpstreamHandle Compile(UpstreamScope scope)
    {
        HttpMessageHandler chain = new End();
        for (var i = Features.Upstream.Length - 1; i >= 0; i--)
        {
            chain = Features.Upstream[i].Handler.Compile(scope, chain);
        }
        // The chain lives in snapshots that may outlive each other; what it holds open is the state pool's.
        return new UpstreamHandle(scope.Upstream.Name, new HttpMessageInvoker(new PlainMessages(chain), disposeHandler: false))
        {
            Notes = [.. scope.Notes.Reverse()],
            Parts = scope.Parts,
            Urls = [.. scope.Options<ForwardingOptions>().Destinations.Select(d => d.Url)],
        };
    }

    /// <summary>Forwarding calls nobody after it.</summary>
    private sealed class End : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("The last upstream handler must answer itself.");
    }
}
