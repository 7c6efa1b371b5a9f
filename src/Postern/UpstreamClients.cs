using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Postern.Config;
using Postern.Pipeline;
using Postern.Runtime;
using Postern.Wire;

namespace Postern;

/// <summary>
/// Plain clients for upstreams, by name: <c>[FromKeyedServices("orders")] HttpClient orders</c>. Each call takes the upstream's
/// chain as it is configured at that moment, so that a client outlives reloads.
/// </summary>
internal static class UpstreamClients
{
    /// <summary>A client for whatever name is asked for; a host's own registration of a name comes first.</summary>
    public static void Add(IServiceCollection services) =>
        // Not one for all: what code sets on a client, a header of its user's even, must not be there for the next.
        services.AddKeyedTransient(KeyedService.AnyKey, static (services, key) => Make(services.GetRequiredService<GatewayRuntime>(), key as string ?? ""));

    private static HttpClient Make(GatewayRuntime runtime, string upstream)
    {
        _ = Chain(runtime, upstream);
        // A name of an upstream needn't be one of a host.
        var address = Uri.TryCreate($"http://{upstream}/", UriKind.Absolute, out var named) ? named : new Uri("http://upstream/");
        return new HttpClient(new ToUpstream(runtime, upstream, address.Host)) { BaseAddress = address };
    }

    private static HttpMessageInvoker Chain(GatewayRuntime runtime, string upstream) =>
        runtime.Snapshot.Upstreams.TryGetValue(upstream, out var handle) ? handle.Chain : throw new InvalidOperationException(Unknown(runtime, upstream));

    private static string Unknown(GatewayRuntime runtime, string upstream)
    {
        var names = runtime.Snapshot.Upstreams.Keys.ToList();
        return $"The gateway has no upstream named '{upstream}'{(Nearest.Of(upstream, names) is { } near ? $"; did you mean '{near}'?" : ".")} (defined: {(names.Count == 0 ? "none" : string.Join(", ", names))})";
    }

    /// <summary>Sends what a client says over the upstream's chain, with what the gateway says of the request that the code runs for.</summary>
    private sealed class ToUpstream(GatewayRuntime runtime, string upstream, string host) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.RequestUri is not { Scheme: "http", IsDefaultPort: true } uri || uri.Host != host)
            {
                throw new InvalidOperationException($"This client calls the upstream '{upstream}' alone, got {request.RequestUri}; write a path, as in GetAsync(\"/api/orders\").");
            }
            var own = new FieldList();
            if (!CurrentRequest.Tell(own) && Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity)
            {
                own.Add("traceparent", activity.Id!);
                if (activity.TraceStateString is { Length: > 0 } state)
                {
                    own.Add("tracestate", state);
                }
            }
            // What the gateway says of the caller stands alone: beside another's word nobody could tell which one is meant.
            foreach (var (name, _) in own.Fields)
            {
                request.Headers.Remove(name);
            }
            foreach (var (name, value) in own.Fields)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
            return Chain(runtime, upstream).SendAsync(request, cancellationToken);
        }
    }
}
