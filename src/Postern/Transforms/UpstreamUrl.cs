using Postern.Config;
using Postern.Pipeline;

namespace Postern.Transforms;

/// <summary>A URL of the configuration whose host is the name of an upstream: <c>http://orders/api/orders</c>.</summary>
internal static class UpstreamUrl
{
    public const string Scheme = "http://";

    /// <summary>The upstream that a URL names and what stands behind the name; or what is wrong with it.</summary>
    /// <param name="scope">The route.</param>
    /// <param name="url">The URL as it was written.</param>
    /// <param name="scheme">How it must begin.</param>
    public static (UpstreamHandle? Upstream, string Path, string? Error) Parse(RouteScope scope, string url, string scheme = Scheme)
    {
        if (!url.StartsWith(scheme, StringComparison.Ordinal))
        {
            return (null, "", $"a URL begins with {scheme} and the name of an upstream, got '{url}'; write {Rewritten(url, scope)}");
        }
        var slash = url.AsSpan(scheme.Length).IndexOfAny('/', '?');
        var name = slash < 0 ? url[scheme.Length..] : url[scheme.Length..(scheme.Length + slash)];
        var path = slash < 0 ? "" : url[(scheme.Length + slash)..];
        return scope.Upstream(name) is { } upstream ? (upstream, path, null) : (null, path, Unknown(scope, name, path, scheme));
    }

    /// <summary>What is wrong with a path and query that are sent as they stand; null where nothing is.</summary>
    public static string? Mistake(string path) =>
        path.AsSpan().ContainsAnyExceptInRange('!', '~') || path.Contains('#') || path.Contains('\\')
            ? $"a path is sent as it stands here, got '{path}'; percent-encode spaces, '#', '\\' and everything beyond ASCII" : null;

    /// <summary>What was meant by a URL that doesn't begin like one: the scheme put right or in front.</summary>
    private static string Rewritten(string url, RouteScope scope)
    {
        var colon = url.IndexOf("://", StringComparison.Ordinal);
        var rest = colon < 0 ? url : url[(colon + 3)..];
        var end = rest.IndexOfAny(['/', '?', ':']);
        return scope.Upstream(end < 0 ? rest : rest[..end]) is not null && (end < 0 || rest[end] != ':') ? Scheme + rest : "http://NAME/path";
    }

    private static string Unknown(RouteScope scope, string name, string path, string scheme)
    {
        var defined = scope.Config.Upstreams.Select(u => u.Name).ToList();
        var list = $"(defined: {(defined.Count == 0 ? "none" : string.Join(", ", defined))})";
        if (name.Length == 0)
        {
            return $"the name of an upstream is missing behind {scheme}; write {scheme}NAME{path} {list}";
        }
        if (name.Contains('{'))
        {
            return $"a route's upstream is fixed, got '{name}'; name one, or write a route for each {list}";
        }
        var bare = name[(name.LastIndexOf('@') + 1)..].Split(':')[0];
        if (bare != name && defined.Contains(bare))
        {
            return $"the name of an upstream stands alone, got '{name}'; write {scheme}{bare}{path}";
        }
        if (bare != name || System.Net.IPAddress.TryParse(name, out _))
        {
            return $"a URL names an upstream, not an address, got '{name}'; define one under upstreams with url: {Scheme}{name} {list}";
        }
        return $"no upstream named '{name}'{(Nearest.Of(name, defined) is { } near ? $"; did you mean '{near}'?" : "; define it under upstreams")} {list}";
    }
}
