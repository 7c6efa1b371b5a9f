using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Pipeline;
using Postern.Runtime;

namespace Postern.Server.Administering;

/// <summary>
/// Shows upstreams and routes as they are at this moment, and changes their weights: <c>/upstreams</c>, <c>/upstreams/NAME</c>, <c>/upstreams/NAME/weights</c>,
/// <c>/routes</c>, <c>/routes/GATE/ROUTE/weights</c>. Who may call, the admin port has asked by then.
/// </summary>
internal sealed class WeightEndpoints(LiveUpstreams upstreams, LiveRoutes routes)
{
    private const string Upstreams = "/upstreams", Routes = "/routes", Weights = "/weights";

    /// <summary>What the admin port has here, for who looks for it.</summary>
    public const string Paths = $"{Upstreams}, {Upstreams}/NAME, {Upstreams}/NAME{Weights}, {Routes}, {Routes}/GATE/ROUTE{Weights}";

    /// <summary>What answers at a path; null for nothing.</summary>
    public (string Method, bool Open, RequestDelegate Handle)[] At(string path) => path switch
    {
        Upstreams => [("GET", false, UpstreamsAsync)],
        Routes => [("GET", false, RoutesAsync)],
        _ when path.StartsWith(Upstreams + "/", StringComparison.Ordinal) && path.IndexOf('/', Upstreams.Length + 1) < 0 => [("GET", false, UpstreamAsync)],
        _ when Inner(path, Upstreams) is not null => [("GET", false, UpstreamAsync), ("PUT", false, WeighUpstreamAsync)],
        _ when Inner(path, Routes)?.IndexOf('/') > 0 => [("GET", false, RouteAsync), ("PUT", false, WeighRouteAsync)],
        _ => [],
    };

    private Task UpstreamsAsync(HttpContext context) => AdminAnswer.SendJsonAsync(context, 200, upstreams.Write);

    private Task RoutesAsync(HttpContext context) => AdminAnswer.SendJsonAsync(context, 200, routes.Write);

    private Task UpstreamAsync(HttpContext context)
    {
        var name = NameOf(context);
        return upstreams.Names.Contains(name)
            ? AdminAnswer.SendValueAsync(context, json => upstreams.Write(json, name))
            : Answer.FailAsync(context, Failure.NotFound, $"There is no upstream '{name}'; there are {string.Join(", ", upstreams.Names)}.");
    }

    private async Task WeighUpstreamAsync(HttpContext context)
    {
        var name = NameOf(context);
        if (upstreams.Names.Contains(name))
        {
            var (weights, problem) = await WeightBody.ReadAsync(context.Request);
            if ((problem ?? upstreams.Weigh(name, weights)) is { } refused)
            {
                await RefuseAsync(context, refused);
                return;
            }
        }
        await UpstreamAsync(context);
    }

    private Task RouteAsync(HttpContext context)
    {
        var (found, problem) = Find(context);
        return found is { } route
            ? AdminAnswer.SendValueAsync(context, json => LiveRoutes.Write(json, route))
            : Answer.FailAsync(context, Failure.NotFound, problem);
    }

    private async Task WeighRouteAsync(HttpContext context)
    {
        if (Find(context).Route is { } route)
        {
            var (weights, problem) = await WeightBody.ReadAsync(context.Request);
            if ((problem ?? routes.Weigh(route, weights)) is { } refused)
            {
                await RefuseAsync(context, refused);
                return;
            }
        }
        await RouteAsync(context);
    }

    private static Task RefuseAsync(HttpContext context, string problem) =>
        Answer.FailAsync(context, Failure.WeightsRefused, $"The weights are not taken, and those before go on: {problem}.");

    private (FoundRoute? Route, string? Problem) Find(HttpContext context)
    {
        // A path may hold anything, encoded slashes too, so it is taken from the target as it was sent.
        var raw = Exchange.Of(context).RawTarget ?? context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var inner = Inner(raw[Math.Max(0, raw.IndexOf(Routes, StringComparison.Ordinal))..].Split('?', 2)[0], Routes) ?? "";
        var slash = inner.IndexOf('/');
        return slash < 0 ? (null, null) : routes.Find(Uri.UnescapeDataString(inner[..slash]), Uri.UnescapeDataString(inner[(slash + 1)..]));
    }

    private static string NameOf(HttpContext context) => Inner(context.Request.Path.Value!, Upstreams) ?? context.Request.Path.Value![(Upstreams.Length + 1)..];

    /// <summary>What stands between <c>/upstreams/</c> and <c>/weights</c>; null where it is no such path.</summary>
    private static string? Inner(string path, string begin) =>
        path.Length > begin.Length + 1 + Weights.Length && path.StartsWith(begin, StringComparison.Ordinal) && path[begin.Length] == '/' && path.EndsWith(Weights, StringComparison.Ordinal)
            ? path[(begin.Length + 1)..^Weights.Length] : null;
}
