namespace Postern.Wire;

/// <summary>What one segment of a template accepts.</summary>
internal enum SegmentKind { Literal, Int, Long, Guid, Alpha, Any, Rest }

/// <summary>One segment: a literal's text, or a parameter's name.</summary>
internal sealed record TemplateSegment(SegmentKind Kind, string Text);

/// <summary>A route's path: <c>/products/{id:int}/{**rest}</c>, segment by segment. Literals match decoded, in exact case.</summary>
internal sealed record PathTemplate(string Text, IReadOnlyList<TemplateSegment> Segments, IReadOnlyList<string> Parameters)
{
    public static readonly PathTemplate Empty = new("/", [], []);

    private static readonly Dictionary<string, SegmentKind> Constraints = new()
    {
        ["int"] = SegmentKind.Int, ["long"] = SegmentKind.Long, ["guid"] = SegmentKind.Guid, ["alpha"] = SegmentKind.Alpha,
    };

    /// <summary>Reads a template; otherwise says, in words for its author, what is wrong.</summary>
    public static (PathTemplate? Template, string? Error) Parse(string text)
    {
        if (!text.StartsWith('/'))
        {
            var scheme = text.IndexOf("://", StringComparison.Ordinal);
            var slash = scheme < 0 ? -1 : text.IndexOf('/', scheme + 3);
            return (null, $"a path begins with '/', got '{text}'; write '{(scheme < 0 ? "/" + text : slash < 0 ? "/" : text[slash..])}'");
        }
        if (text.AsSpan().IndexOfAny('?', '#') is >= 0 and var at)
        {
            return (null, text.AsSpan(at).StartsWith("?}")
                ? $"a parameter is never optional, got '{text}'; write a route with it and one without"
                : $"a path has no '{text[at]}', got '{text}'; {(text[at] == '?' ? "match a query with when: { query: … }" : "no request carries what stands behind it")}");
        }
        if (RequestTarget.Mistake(text) is { } mistake)
        {
            return (null, mistake);
        }
        var segments = new List<TemplateSegment>();
        var parameters = new List<string>();
        var parts = text.Length == 1 ? [] : text[1..].Split('/');
        for (var i = 0; i < parts.Length; i++)
        {
            var (segment, error) = ParseSegment(parts[i], last: i == parts.Length - 1, text);
            if (error is not null)
            {
                return (null, error);
            }
            segments.Add(segment!);
            if (segment!.Kind != SegmentKind.Literal)
            {
                if (parameters.Contains(segment.Text))
                {
                    return (null, $"'{{{segment.Text}}}' stands twice in '{text}'; give each parameter its own name");
                }
                parameters.Add(segment.Text);
            }
        }
        return parameters.Count > RequestTarget.MaxParameters
            ? (null, $"'{text}' has {parameters.Count} parameters; at most {RequestTarget.MaxParameters} are allowed; take the rest as '{{**rest}}'")
            : (new PathTemplate(text, segments, parameters), null);
    }

    private static (TemplateSegment?, string?) ParseSegment(string part, bool last, string text)
    {
        if (!part.Contains('{') && !part.Contains('}'))
        {
            if (part.Length == 0 && !last)
            {
                return (null, $"'{text}' has an empty segment; write one '/'");
            }
            if (part is ['*' or ':', ..])
            {
                var name = part[0] == ':' && part.Length > 1 ? $"{{{part[1..]}}}" : last && part[0] == '*' ? "{**rest}" : "{name}";
                return (null, $"'{part}' would match only itself; write '{name}' for a parameter, or {(part[0] == '*' ? "%2A" : "%3A")} for the character");
            }
            return (new TemplateSegment(SegmentKind.Literal, Uri.UnescapeDataString(part)), null);
        }
        if (!part.StartsWith('{') || !part.EndsWith('}') || part.AsSpan(1, part.Length - 2).IndexOfAny('{', '}') >= 0)
        {
            return (null, $"a parameter fills a whole segment, got '{part}'; write '{{name}}' between two '/'");
        }
        var inner = part[1..^1];
        if (inner is ['*', not '*', ..])
        {
            return (null, $"the rest of a path takes two asterisks, got '{part}'; write '{{**{inner[1..]}}}'");
        }
        var kind = SegmentKind.Any;
        if (inner.StartsWith("**", StringComparison.Ordinal))
        {
            inner = inner[2..];
            kind = SegmentKind.Rest;
            if (!last)
            {
                return (null, $"'{part}' takes the rest of the path, so it comes last, got '{text}'; move it to the end, or write '{{{inner}}}' for one segment");
            }
        }
        else if (inner.IndexOf(':') is > 0 and var colon)
        {
            var constraint = inner[(colon + 1)..];
            inner = inner[..colon];
            if (!Constraints.TryGetValue(constraint, out kind))
            {
                var fix = Constraints.ContainsKey(constraint.ToLowerInvariant()) ? $"write '{{{inner}:{constraint.ToLowerInvariant()}}}'" : $"write one of {string.Join(", ", Constraints.Keys)}";
                return (null, $"no constraint '{constraint}', got '{part}'; {fix}");
            }
        }
        var valid = inner.Length > 0 && !char.IsAsciiDigit(inner[0]) && inner.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');
        return valid ? (new TemplateSegment(kind, inner), null)
            : (null, $"a parameter's name is letters, digits, '_' and '-', got '{part}'; write it like '{{id}}'");
    }
}
