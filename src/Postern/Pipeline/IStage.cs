using Microsoft.AspNetCore.Http;

namespace Postern.Pipeline;

/// <summary>
/// One step of the edge chain. Compiled once per route: it wraps <c>next</c>, or hands it back where the route doesn't
/// need it, and then costs nothing.
/// </summary>
public interface IStage
{
    /// <summary>Builds this step for one route; reports what can't work to <see cref="RouteScope.Check"/>.</summary>
    RequestDelegate Compile(RouteScope scope, RequestDelegate next);
}

/// <summary>The end of the edge chain: turns one request into an answer, with one upstream call, several, or none.</summary>
public interface IBackend
{
    /// <summary>Builds the backend for one route, or returns null if the route doesn't ask for it.</summary>
    RequestDelegate? Compile(RouteScope scope);
}

/// <summary>One handler of the upstream chain. Compiled once per upstream: it wraps <c>next</c>, or hands it back.</summary>
public interface IUpstreamHandler
{
    /// <summary>Builds this step for one upstream.</summary>
    HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next);
}
