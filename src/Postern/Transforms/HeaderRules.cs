using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Transforms;

/// <summary>Header changes of one side, compiled: what to take away, then what to set, then what to add.</summary>
internal sealed class HeaderRules
{
    private readonly string[] removed;
    private readonly (string Name, string Value)[] added;
    private readonly string text;

    private HeaderRules(HeaderRulesOptions options)
    {
        removed = [.. options.Remove, .. options.Set.Keys];
        added = [.. options.Set.Select(p => (p.Key, p.Value)), .. options.Add.Select(p => (p.Key, p.Value))];
        text = string.Join(", ", [
            .. options.Remove.Select(name => $"remove {name}"),
            .. options.Set.Select(p => $"set {p.Key}: {p.Value}"),
            .. options.Add.Select(p => $"add {p.Key}: {p.Value}")]);
    }

    /// <summary>The rules of a route's two sides; null where there is nothing to do.</summary>
    public static (HeaderRules? Request, HeaderRules? Response) Compile(RouteScope scope)
    {
        var options = scope.Options<HeadersSection>().Headers;
        foreach (var (key, fields) in options is null ? [] : new[] { ("set", options.Request.Set), ("add", options.Request.Add) })
        {
            foreach (var name in fields.Keys)
            {
                scope.Touch(name, options!.Request, $"{key}.{name}", "no route sets it; remove this line");
            }
        }
        return (Compile(options?.Request), Compile(options?.Response));
    }

    private static HeaderRules? Compile(HeaderRulesOptions? options) =>
        options is null || (options.Remove.Count == 0 && options.Set.Count == 0 && options.Add.Count == 0) ? null : new HeaderRules(options);

    public void Apply(FieldList fields)
    {
        foreach (var name in removed)
        {
            fields.Remove(name);
        }
        foreach (var (name, value) in added)
        {
            fields.Add(name, value);
        }
    }

    public void Apply(IHeaderDictionary headers)
    {
        foreach (var name in removed)
        {
            headers.Remove(name);
        }
        foreach (var (name, value) in added)
        {
            headers.Append(name, value);
        }
    }

    public override string ToString() => text;
}
