using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Runtime;

/// <summary>
/// One gate's routes as a tree of path segments. Walks the path as it was received, so that what is matched is what is
/// sent; a segment is decoded only to be compared with a literal. The most specific wins, position by position from the
/// left: a literal, then a constrained parameter, then any parameter, then the rest; then what <c>when</c> asks for.
/// </summary>
internal sealed class RouteTable
{
    private sealed class Node
    {
        public Dictionary<string, Node> Literals { get; } = [];
        public SortedList<SegmentKind, Node> Parameters { get; } = [];
        public List<CompiledRoute> Routes { get; } = [];
        public List<CompiledRoute> RestRoutes { get; } = [];
    }

    private readonly Node root = new();

    /// <summary>Every route, in the order written.</summary>
    public List<CompiledRoute> Routes { get; } = [];

    /// <summary>Adds a route. If a request could not choose between it and another, that other is returned and nothing is added.</summary>
    public CompiledRoute? Add(CompiledRoute route)
    {
        var node = root;
        List<CompiledRoute>? end = null;
        foreach (var segment in route.Template.Segments)
        {
            if (segment.Kind == SegmentKind.Rest)
            {
                end = node.RestRoutes;
                break;
            }
            if (segment.Kind == SegmentKind.Literal)
            {
                node.Literals.TryAdd(segment.Text, new Node());
                node = node.Literals[segment.Text];
            }
            else
            {
                node.Parameters.TryAdd(segment.Kind, new Node());
                node = node.Parameters[segment.Kind];
            }
        }
        end ??= node.Routes;
        var tie = end.Find(r => r.Method == route.Method
            && r.Conditions.Specificity == route.Conditions.Specificity && !r.Conditions.Excludes(route.Conditions));
        if (tie is null)
        {
            end.Add(route);
            end.Sort(MoreSpecificFirst);
            Routes.Add(route);
        }
        return tie;
    }

    /// <summary>The route that answers, or null; then <see cref="Exchange.Allow"/> names the methods that the path does have.</summary>
    public CompiledRoute? Match(HttpContext context, Exchange exchange)
    {
        var from = exchange.PrefixLength;
        // The prefix alone, with or without its slash, is the gate's root.
        if (exchange.Path.Length - from == 1)
        {
            from++;
        }
        return Walk(root, context, exchange, from, parameter: 0);
    }

    private static CompiledRoute? Walk(Node node, HttpContext context, Exchange exchange, int at, int parameter)
    {
        var path = exchange.Path;
        if (at >= path.Length)
        {
            var here = Choose(node.Routes, context, exchange);
            if (here is not null || node.RestRoutes.Count == 0)
            {
                return here;
            }
            exchange.Parameters[parameter] = path.Length..path.Length;
            return Choose(node.RestRoutes, context, exchange);
        }
        var start = at + 1;
        var length = path.AsSpan(start).IndexOf('/');
        var end = length < 0 ? path.Length : start + length;
        var found = WalkLiteral(node, context, exchange, start, end, parameter);
        if (found is null && end > start)
        {
            found = WalkParameters(node, context, exchange, start, end, parameter);
        }
        if (found is null && node.RestRoutes.Count > 0)
        {
            exchange.Parameters[parameter] = start..path.Length;
            found = Choose(node.RestRoutes, context, exchange);
        }
        return found;
    }

    private static CompiledRoute? WalkLiteral(Node node, HttpContext context, Exchange exchange, int start, int end, int parameter)
    {
        if (node.Literals.Count == 0)
        {
            return null;
        }
        var segment = exchange.Path.AsSpan(start, end - start);
        var known = segment.Contains('%')
            ? node.Literals.TryGetValue(Uri.UnescapeDataString(segment), out var next)
            : node.Literals.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(segment, out next);
        return known ? Walk(next!, context, exchange, end, parameter) : null;
    }

    private static CompiledRoute? WalkParameters(Node node, HttpContext context, Exchange exchange, int start, int end, int parameter)
    {
        var parameters = node.Parameters;
        for (var i = 0; i < parameters.Count; i++)
        {
            if (Accepts(parameters.GetKeyAtIndex(i), exchange.Path.AsSpan(start, end - start)))
            {
                exchange.Parameters[parameter] = start..end;
                if (Walk(parameters.GetValueAtIndex(i), context, exchange, end, parameter + 1) is { } found)
                {
                    return found;
                }
            }
        }
        return null;
    }


    private static CompiledRoute? Choose(List<CompiledRoute> routes, HttpContext context, Exchange exchange)
    {
        var method = MethodOf(context);
        foreach (var route in routes)
        {
            if (!route.Conditions.IsEmpty && !route.Conditions.Hold(context))
            {
                continue;
            }
            if (route.Answers(method))
            {
                return route;
            }
            Allow(exchange, route.Method);
        }
        return null;
    }

    /// <summary>RFC 8441: over HTTP/2 a WebSocket is asked for with CONNECT; it is what GET asks for over HTTP/1.1.</summary>
    private static string MethodOf(HttpContext context)
    {
        var method = context.Request.Method;
        return HttpMethods.IsConnect(method) && context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true } ? HttpMethods.Get : method;
    }

    /// <summary>Adds a method to those the path has, in the order of the alphabet, each once.</summary>
    private static void Allow(Exchange exchange, string method)
    {
        string[] more = method == "GET" ? ["GET", "HEAD"] : [method];
        exchange.Allow = string.Join(", ", more.Union(exchange.Allow?.Split(", ") ?? []).Order(StringComparer.Ordinal));
    }

    private static bool Accepts(SegmentKind kind, ReadOnlySpan<char> segment) => kind switch
    {
        SegmentKind.Int => int.TryParse(segment, System.Globalization.NumberStyles.AllowLeadingSign, null, out _),
        SegmentKind.Long => long.TryParse(segment, System.Globalization.NumberStyles.AllowLeadingSign, null, out _),
        SegmentKind.Guid => Guid.TryParseExact(segment, "D", out _),
        SegmentKind.Alpha => !segment.ContainsAnyExcept(Letters),
        _ => true,
    };

    private static readonly System.Buffers.SearchValues<char> Letters =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private static int MoreSpecificFirst(CompiledRoute a, CompiledRoute b)
    {
        var byConditions = b.Conditions.Specificity.CompareTo(a.Conditions.Specificity);
        return byConditions != 0 ? byConditions : Rank(a.Method).CompareTo(Rank(b.Method));

        // GET also answers HEAD, so a route for HEAD alone is asked first.
        static int Rank(string method) => method switch { "*" => 2, "GET" => 1, _ => 0 };
    }
}
