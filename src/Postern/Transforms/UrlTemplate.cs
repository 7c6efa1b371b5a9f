using System.Text;
using Postern.Config;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Transforms;

/// <summary>
/// The upstream's path and query, with <c>{name}</c> standing for the bytes that the route's parameter matched. What was
/// matched goes on untouched: nothing is decoded, so nothing can be encoded differently. Only in a query are those
/// characters encoded that would end a value there.
/// </summary>
internal sealed class UrlTemplate
{
    private readonly record struct Part(string Text, int Parameter, bool InQuery);

    private readonly Part[] path;
    private readonly Part[] query;
    private readonly string? fixedTarget;

    private UrlTemplate(Part[] path, Part[] query)
    {
        (this.path, this.query) = (path, query);
        if (path.Length > 0 && Array.TrueForAll([.. path, .. query], p => p.Parameter < 0))
        {
            fixedTarget = string.Concat([.. path.Select(p => p.Text), .. query.Select(p => p.Text)]);
        }
    }

    /// <summary>Reads path and query of a URL; otherwise says what is wrong with them.</summary>
    public static (UrlTemplate? Template, string? Error) Parse(string pathAndQuery, IReadOnlyList<string> parameters)
    {
        var at = pathAndQuery.IndexOf('?');
        if (RequestTarget.Mistake(at < 0 ? pathAndQuery : pathAndQuery[..at]) is { } mistake)
        {
            return (null, mistake);
        }
        var (path, pathError) = Split(at < 0 ? pathAndQuery : pathAndQuery[..at], parameters, inQuery: false);
        // A lone '?' asks for nothing.
        var (query, queryError) = Split(at < 0 || at == pathAndQuery.Length - 1 ? "" : pathAndQuery[at..], parameters, inQuery: true);
        return (pathError ?? queryError) is { } error ? (null, error) : (new UrlTemplate(path, query), null);
    }

    /// <summary>The target to send for this request.</summary>
    public string Fill(Exchange exchange)
    {
        var client = exchange.Query;
        if (fixedTarget is not null && client.Length <= (query.Length > 0 ? 1 : 0))
        {
            return fixedTarget;
        }
        if (path.Length == 0 && query.Length == 0)
        {
            return string.Concat(OwnPath(exchange), client);
        }
        if (path.Length == 2 && path[1].Parameter >= 0 && query.Length == 0)
        {
            return string.Concat(path[0].Text, exchange.Path.AsSpan(exchange.Parameters[path[1].Parameter]), client);
        }
        var target = new StringBuilder(exchange.Path.Length + 64);
        if (path.Length == 0)
        {
            target.Append(OwnPath(exchange));
        }
        Append(target, path, exchange);
        Append(target, query, exchange);
        // The template's own query first, then the client's: ?limit=5&a=1.
        if (client.Length > 1 && query.Length > 0)
        {
            target.Append('&').Append(client, 1, client.Length - 1);
        }
        else if (query.Length == 0)
        {
            target.Append(client);
        }
        return target.ToString();
    }

    /// <summary>Where the template has no path: the request's own, without the gate's prefix.</summary>
    private static ReadOnlySpan<char> OwnPath(Exchange exchange) =>
        exchange.Path.Length == exchange.PrefixLength ? "/" : exchange.Path.AsSpan(exchange.PrefixLength);

    private static void Append(StringBuilder target, Part[] parts, Exchange exchange)
    {
        foreach (var part in parts)
        {
            if (part.Parameter < 0)
            {
                target.Append(part.Text);
            }
            else if (!part.InQuery)
            {
                target.Append(exchange.Path.AsSpan(exchange.Parameters[part.Parameter]));
            }
            else
            {
                AppendValue(target, exchange.Path.AsSpan(exchange.Parameters[part.Parameter]));
            }
        }
    }

    /// <summary>A path may hold these as they are; in a query each would begin something else.</summary>
    private static void AppendValue(StringBuilder target, ReadOnlySpan<char> value)
    {
        foreach (var c in value)
        {
            _ = c switch
            {
                '&' => target.Append("%26"),
                '+' => target.Append("%2B"),
                ';' => target.Append("%3B"),
                '=' => target.Append("%3D"),
                _ => target.Append(c),
            };
        }
    }

    private static (Part[], string? Error) Split(string text, IReadOnlyList<string> parameters, bool inQuery)
    {
        var parts = new List<Part>();
        for (var from = 0; from < text.Length;)
        {
            var open = text.IndexOf('{', from);
            if (open != from)
            {
                parts.Add(new Part(text[from..(open < 0 ? text.Length : open)], -1, inQuery));
            }
            if (open < 0)
            {
                break;
            }
            var close = text.IndexOf('}', open);
            if (close < 0)
            {
                return ([], $"'{{' is never closed, got '{text}'; add '}}', or write %7B for the character itself");
            }
            var name = text[(open + 1)..close].TrimStart('*');
            var index = parameters.ToList().IndexOf(name);
            if (index < 0)
            {
                return ([], parameters.Count == 0
                    ? $"the route's path has no parameters, got '{{{name}}}'; write it as {{{name}}} there first"
                    : $"the route's path has no parameter '{name}'{(Nearest.Of(name.Split(':')[0], parameters) is { } near ? $"; did you mean '{near}'?" : "; use one of its own")} (it has {string.Join(", ", parameters)})");
            }
            parts.Add(new Part("", index, inQuery));
            from = close + 1;
        }
        return ([.. parts], null);
    }
}
