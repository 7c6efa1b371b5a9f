using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Server.Listening;

/// <summary>What a request needs and the next one on the same connection or stream uses again.</summary>
internal sealed class RequestContext(IFeatureCollection features)
{
    public DefaultHttpContext Http { get; } = new(features);

    public Exchange Exchange { get; } = new();

    public ClientConnection Connection { get; } = features.Get<ClientConnection>()!;

    public IFeatureCollection Features { get; private set; } = features;

    public void Reuse(IFeatureCollection features)
    {
        Features = features;
        Http.Initialize(features);
    }
}

/// <summary>
/// Where Kestrel hands over a request. It makes an <see cref="HttpContext"/> and an <see cref="Exchange"/> once for each
/// connection (HTTP/1.1) or stream (HTTP/2), and nothing for each request.
/// </summary>
internal sealed class RequestEntry(RequestDelegate handle, PathFaults allowed, TimeProvider time) : IHttpApplication<RequestContext>
{
    public RequestContext CreateContext(IFeatureCollection contextFeatures)
    {
        var container = contextFeatures as IHostContextContainer<RequestContext>;
        var request = container?.HostContext;
        if (request is null)
        {
            request = new RequestContext(contextFeatures);
            request.Exchange.Allowed = allowed;
            request.Exchange.Peer = request.Connection.Peer;
            request.Exchange.FieldsAreBytes = true;
            request.Exchange.ConnectionClosed = request.Connection.ClosedForItsOnlyRequest;
            if (container is not null)
            {
                container.HostContext = request;
            }
        }
        else
        {
            request.Reuse(contextFeatures);
        }
        request.Exchange.Started = time.GetTimestamp();
        // Kestrel's collection of features is the request itself; asking it by type takes a search.
        request.Exchange.RawTarget = (contextFeatures as IHttpRequestFeature)?.RawTarget;
        contextFeatures.Set(request.Exchange);
        request.Connection.Begin(request);
        return request;
    }

    public Task ProcessRequestAsync(RequestContext context) =>
        context.Connection.IsLeftover(context.Features) ? Task.CompletedTask : handle(context.Http);

    public void DisposeContext(RequestContext context, Exception? exception)
    {
        context.Connection.End(context);
        context.Exchange.Reset();
        context.Http.Uninitialize();
    }
}
