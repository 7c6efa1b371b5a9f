using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Postern.Config;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Backends.Composing;

/// <summary>What of the client's request goes on to a source. Nothing does that isn't named.</summary>
internal sealed class Forwarding
{
    private readonly string[] names;

    private Forwarding(string[] names, bool query) => (this.names, Query) = (names, query);

    /// <summary>Whether the client's query is added to the source's own.</summary>
    public bool Query { get; }

    /// <summary>Whether the client's credential goes on, so that what a source says of it is meant for the client.</summary>
    public bool Authorization => names.Contains("Authorization", StringComparer.OrdinalIgnoreCase);

    /// <summary>Makes it ready for a route.</summary>
    /// <param name="scope">The route.</param>
    /// <param name="at">Where it is written.</param>
    /// <param name="forward">The words and names; null for nothing.</param>
    public static Forwarding Compile(RouteScope scope, Options at, IReadOnlyList<string>? forward)
    {
        foreach (var name in forward ?? [])
        {
            scope.Touch(name, at, "forward", "no request of a client has it, and every source gets it anyhow; remove it");
        }
        return Of(forward);
    }

    /// <summary>The same where names are known to be good.</summary>
    public static Forwarding Of(IReadOnlyList<string>? forward)
    {
        string[] fields = [.. (forward ?? []).Where(f => f != "query").Select(f => f switch { "authorization" => "Authorization", "cookies" => "Cookie", _ => f })];
        return new Forwarding(fields, forward?.Contains("query") == true);
    }

    /// <summary>Adds the fields that go on.</summary>
    public void Add(HttpContext context, FieldList fields)
    {
        foreach (var name in names)
        {
            var values = context.Request.Headers[name];
            if (StringValues.IsNullOrEmpty(values))
            {
                continue;
            }
            foreach (var value in values)
            {
                fields.Add(name, value ?? "");
            }
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join(", ", [.. names, .. Query ? ["query"] : Array.Empty<string>()]);
}
