using System.Text;
using Postern.Pipeline;

namespace Postern.Transforms;

/// <summary>
/// The upstream's path and query, with <c>{name}</c> standing for the bytes that the route's parameter matched. What was
/// matched goes on untouched: nothing is decoded, so nothing can be encoded differently.
/// </summary>
internal sealed class UrlTemplate
{
    private readonly (string Text, int Parameter)[] parts;
    private readonly string? fixedTarget;
    private readonly bool samePath;

    private UrlTemplate((string, int)[] parts, string query, bool samePath)
    {
        (this.parts, Query, this.samePath) = (parts, query, samePath);
        fixedTarget = !samePath && parts is [var (text, parameter)] && parameter < 0 ? text + query : null;
    }

    /// <summary>The template's own query with its <c>?</c>, or empty.</summary>
    public string Query { get; }

    /// <summary>Reads path and query of a URL; otherwise says what is wrong with them.</summary>
    public static (UrlTemplate? Template, string? Error) Parse(string pathAndQuery, IReadOnlyList<string> parameters)
    {
        var at = pathAndQuery.IndexOf('?');
        var (path, query) = at < 0 ? (pathAndQuery, "") : (pathAndQuery[..at], pathAndQuery[at..]);
        var parts = new List<(string, int)>();
        for (var from = 0; from < path.Length;)
        {
            var open = path.IndexOf('{', from);
            if (open != from)
            {
                parts.Add((path[from..(open < 0 ? path.Length : open)], -1));
            }
            if (open < 0)
            {
                break;
            }
            var close = path.IndexOf('}', open);
            if (close < 0)
            {
                return (null, $"'{{' without '}}', got '{path}'");
            }
            var name = path[(open + 1)..close].TrimStart('*');
            var index = parameters.ToList().IndexOf(name);
            if (index < 0)
            {
                return (null, parameters.Count == 0
                    ? $"no parameter '{name}': the route's path has none; write it as {{{name}}} there"
                    : $"no parameter '{name}' in the route's path{(Config.Nearest.Of(name, parameters) is { } near ? $"; did you mean '{near}'?" : $"; it has {string.Join(", ", parameters)}")}");
            }
            parts.Add(("", index));
            from = close + 1;
        }
        return (new UrlTemplate([.. parts], query, samePath: path.Length == 0), null);
    }

    /// <summary>The target to send for this request.</summary>
    public string Fill(Exchange exchange)
    {
        if (fixedTarget is not null && exchange.Query.Length == 0)
        {
            return fixedTarget;
        }
        var query = exchange.Query;
        if (samePath)
        {
            var rest = exchange.PrefixLength == 0 ? exchange.Path : exchange.Path.Length == exchange.PrefixLength ? "/" : exchange.Path[exchange.PrefixLength..];
            return Query.Length == 0 && query.Length == 0 ? rest : Join(rest, query);
        }
        if (parts.Length == 2 && parts[1].Parameter >= 0 && Query.Length == 0)
        {
            return string.Concat(parts[0].Text, exchange.Path.AsSpan(exchange.Parameters[parts[1].Parameter]), query);
        }
        var target = new StringBuilder(exchange.Path.Length + 64);
        foreach (var (text, parameter) in parts)
        {
            _ = parameter < 0 ? target.Append(text) : target.Append(exchange.Path.AsSpan(exchange.Parameters[parameter]));
        }
        return Join(target.ToString(), query);
    }

    /// <summary>The template's query first, then the client's: <c>?limit=5&amp;a=1</c>.</summary>
    private string Join(string path, string clientQuery) =>
        Query.Length <= 1 || clientQuery.Length <= 1
            ? string.Concat(path, Query.Length > 1 ? Query : clientQuery)
            : string.Concat(path, Query, "&", clientQuery.AsSpan(1));
}
