using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Postern.Backends.Composing.Handlers;

/// <summary>Routes that code answers.</summary>
public static class HandlerExtensions
{
    /// <summary>
    /// Answers GET and HEAD on a path by code: <c>gate.MapGet("/dashboard", async (Composer c) => …)</c>. The delegate's parameters are bound
    /// as those of ASP.NET Core's minimal APIs: values of the route and the query, header fields, the body, services, <c>HttpContext</c>, a
    /// <c>CancellationToken</c>, and a <see cref="Composer"/>. What it returns is sent as JSON; an <c>IResult</c> answers by itself.
    /// </summary>
    /// <param name="gate">The gate.</param>
    /// <param name="template">The path under the gate's prefix: <c>/orders/{id:int}</c>.</param>
    /// <param name="handler">The code.</param>
    /// <param name="file">Where an error is reported; filled in by the compiler.</param>
    /// <param name="line">The same.</param>
    public static RouteBuilder MapGet(this GateBuilder gate, [StringSyntax("Route")] string template, Delegate handler, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        gate.Get(template, file, line).By(handler);

    /// <summary>Answers POST on a path by code; see <see cref="MapGet"/>.</summary>
    public static RouteBuilder MapPost(this GateBuilder gate, [StringSyntax("Route")] string template, Delegate handler, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        gate.Post(template, file, line).By(handler);

    /// <summary>Answers PUT on a path by code; see <see cref="MapGet"/>.</summary>
    public static RouteBuilder MapPut(this GateBuilder gate, [StringSyntax("Route")] string template, Delegate handler, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        gate.Put(template, file, line).By(handler);

    /// <summary>Answers PATCH on a path by code; see <see cref="MapGet"/>.</summary>
    public static RouteBuilder MapPatch(this GateBuilder gate, [StringSyntax("Route")] string template, Delegate handler, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        gate.Patch(template, file, line).By(handler);

    /// <summary>Answers DELETE on a path by code; see <see cref="MapGet"/>.</summary>
    public static RouteBuilder MapDelete(this GateBuilder gate, [StringSyntax("Route")] string template, Delegate handler, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        gate.Delete(template, file, line).By(handler);

    private static RouteBuilder By(this RouteBuilder route, Delegate handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        route.Sections.Set<HandlerSection>(o => o with { Handler = new HandlerOptions(handler) { Origin = route.Sections.Origin.At("handler") } });
        return route;
    }
}
