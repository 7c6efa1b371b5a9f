using Postern.Config;

namespace Postern.Backends.Responding;

/// <summary>The fixed answer in C#.</summary>
public static class RespondExtensions
{
    /// <summary>Answers without an upstream.</summary>
    public static RouteBuilder Respond(this RouteBuilder route, int status, string? body = null, IReadOnlyDictionary<string, string>? headers = null)
    {
        var options = new RespondOptions { Status = status, Body = body is null ? null : Inline.Of(body), Origin = route.Sections.Origin.At("respond") };
        route.Sections.Set<RespondSection>(o => o with { Respond = headers is null ? options : options with { Headers = headers } });
        return route;
    }
}
