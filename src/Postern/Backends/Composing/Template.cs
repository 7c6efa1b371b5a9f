using System.Runtime.CompilerServices;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Shaping;
using Postern.Transforms.Json;
using Postern.Wire;

namespace Postern.Backends.Composing;

/// <summary>
/// Text in which <c>{…}</c> holds an expression: a path and query, or the value of a header field. In a URL a value is one path
/// segment or one value of the query, encoded so that it can be nothing else; <c>{**rest}</c> keeps the slashes of a catch-all.
/// </summary>
internal sealed class Template
{
    /// <summary>The longest text that is made: what an upstream or a client gave must not grow without end.</summary>
    private const int MaxLength = 16 * 1024;

    private enum Place { Segment, Rest, Query, Field }

    private readonly record struct Part(string Text, Expression? Value, string? Parameter, Place Place);

    private readonly Part[] parts;

    private Template(Part[] parts) => this.parts = parts;

    /// <summary>The text where it has no expression; else null.</summary>
    public string? Fixed => parts.Length == 1 && parts[0].Value is null && parts[0].Parameter is null ? parts[0].Text : null;

    /// <summary>The expressions in it.</summary>
    public IEnumerable<Expression> Expressions => parts.Select(p => p.Value).OfType<Expression>();

    /// <summary>Reads a path and query; or says what is wrong with it.</summary>
    public static (Template? Template, string? Error) Url(string text, IReadOnlyList<string> parameters)
    {
        var (template, error) = Parse(text, parameters, isUrl: true);
        if (template is null)
        {
            return (null, error);
        }
        var plain = string.Concat(template.parts.Select(p => p.Value is null && p.Parameter is null ? p.Text : "x"));
        var mark = plain.IndexOf('?');
        return (Transforms.UpstreamUrl.Mistake(plain) is not null ? Transforms.UpstreamUrl.Mistake(text) ?? Transforms.UpstreamUrl.Mistake(plain)
            : RequestTarget.Mistake(mark < 0 ? plain : plain[..mark])) is { } mistake ? (null, mistake) : (template, null);
    }

    /// <summary>Reads the value of a header field.</summary>
    public static (Template? Template, string? Error) Field(string text, IReadOnlyList<string> parameters) => Parse(text, parameters, isUrl: false);

    /// <summary>Fills in the values of this request.</summary>
    /// <param name="input">What expressions read.</param>
    /// <param name="filled">The text; null for a field whose value is null, and is not sent.</param>
    /// <param name="why">Why it can't be filled in.</param>
    public bool TryFill(in CallInput input, out string? filled, out string why)
    {
        why = "";
        if ((filled = Fixed) is not null)
        {
            return true;
        }
        var text = new DefaultInterpolatedStringHandler(64, 0);
        var length = 0;
        foreach (ref readonly var part in parts.AsSpan())
        {
            if (part.Value is null && part.Parameter is null)
            {
                text.AppendLiteral(part.Text);
                continue;
            }
            var value = part.Parameter is not null ? input.Variables.Parameter(part.Parameter) : part.Value!.Evaluate(input.Root, input.Evaluation);
            if (part.Place == Place.Field && (value.IsNull || value.IsError))
            {
                text.Clear();
                filled = null;
                return true;
            }
            if (!TryAppend(ref text, value, in part, ref length))
            {
                text.Clear();
                why = $"'{{{part.Text}}}' gives {Described(value)}, which can't stand there";
                return false;
            }
        }
        filled = text.ToStringAndClear();
        if (parts[0].Place != Place.Field && LeadsElsewhere(filled))
        {
            why = "the path would have a '.' or '..' segment, or a NUL";
            return false;
        }
        return true;
    }

    private static string Described(in JsonValue value) => value.Kind switch
    {
        JsonKind.Null => "null",
        JsonKind.Error => value.Why,
        JsonKind.Array => "a list that is empty, or has what no plain value is",
        JsonKind.Object => "an object",
        _ => "a value that is empty, too long, or has control characters",
    };

    /// <summary>Services that decode a path before they look at it see separators that are encoded here.</summary>
    private static bool LeadsElsewhere(string target)
    {
        var mark = target.IndexOf('?');
        return (RequestTarget.Inspect(mark < 0 ? target : target[..mark], "") & (PathFaults.DotSegments | PathFaults.Other)) != 0;
    }

    private static bool TryAppend(ref DefaultInterpolatedStringHandler text, in JsonValue value, in Part part, ref int length)
    {
        if (value.Kind != JsonKind.Array)
        {
            return TryAppendOne(ref text, value, part.Place, ref length);
        }
        var first = true;
        foreach (var item in value.Items)
        {
            if (!first)
            {
                text.AppendLiteral(",");
            }
            first = false;
            if (!TryAppendOne(ref text, item, part.Place, ref length))
            {
                return false;
            }
        }
        return !first || part.Place is Place.Query or Place.Field;
    }

    private static bool TryAppendOne(ref DefaultInterpolatedStringHandler text, in JsonValue value, Place place, ref int length)
    {
        if (PlainValue.Of(value) is not { } plain || (length += plain.Length) > MaxLength)
        {
            return false;
        }
        switch (place)
        {
            case Place.Field:
                text.AppendLiteral(plain);
                // What would end the field, or isn't one of its bytes.
                return !plain.AsSpan().ContainsAnyInRange('\0', '\x1f') && !plain.AsSpan().ContainsAnyExceptInRange('\0', '\xff') && !plain.Contains('\x7f');
            case Place.Rest:
                var first = true;
                foreach (var range in plain.AsSpan().Split('/'))
                {
                    text.AppendLiteral(first ? "" : "/");
                    Percent.Append(ref text, plain.AsSpan()[range]);
                    first = false;
                }
                return true;
            default:
                Percent.Append(ref text, plain);
                return plain.Length > 0 || place == Place.Query;
        }
    }

    private static (Template?, string?) Parse(string text, IReadOnlyList<string> parameters, bool isUrl)
    {
        var parts = new List<Part>();
        var place = isUrl ? Place.Segment : Place.Field;
        for (var from = 0; from < text.Length;)
        {
            var open = text.IndexOf('{', from);
            if (open != from)
            {
                var literal = text[from..(open < 0 ? text.Length : open)];
                parts.Add(new Part(literal, null, null, place));
                place = isUrl && literal.Contains('?') ? Place.Query : place;
            }
            if (open < 0)
            {
                break;
            }
            if (End(text, open) is not (> 0 and var close))
            {
                return (null, $"'{{' is never closed, got '{text}'; add '}}'{(isUrl ? ", or write %7B for the character itself" : "")}");
            }
            var inner = text[(open + 1)..close];
            if (inner.StartsWith("**", StringComparison.Ordinal) || parameters.Contains(inner))
            {
                var name = inner.TrimStart('*');
                if (!parameters.Contains(name))
                {
                    return (null, $"the route's path has no parameter '{name}', got '{{{inner}}}'; use one of its own{(parameters.Count == 0 ? "" : $" (it has {string.Join(", ", parameters)})")}");
                }
                parts.Add(new Part(inner, null, name, inner != name && place == Place.Segment ? Place.Rest : place));
            }
            else if (Expression.Parse(inner, RequestVariables.Names, out var error) is { } value)
            {
                parts.Add(new Part(inner, value, null, place));
            }
            else
            {
                return (null, inner.Trim().Length == 0 ? "nothing stands between '{' and '}'; write what the value is: {id}, {user.id}, {$query.page}"
                    : inner is ['{', .. var doubled, '}'] && Expression.Parse(doubled, RequestVariables.Names, out _) is not null ? $"one brace on each side is enough, got '{{{inner}}}'; write {inner}"
                    : $"'{{{inner}}}' is no expression: {error!.Message}");
            }
            from = close + 1;
        }
        return (new Template(parts.Count > 0 ? [.. parts] : [new Part(isUrl ? "/" : "", null, null, place)]), null);
    }

    /// <summary>The brace that ends an expression: one within quotes, or of a mapping in it, doesn't. -1 where there is none.</summary>
    private static int End(string text, int open)
    {
        var depth = 0;
        for (var i = open + 1; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '{':
                    depth++;
                    break;
                case '}' when depth-- == 0:
                    return i;
                case '\'' or '"' or '`':
                    var quote = text[i];
                    do
                    {
                        i += i + 1 < text.Length && text[i] == '\\' ? 2 : 1;
                    }
                    while (i < text.Length && text[i] != quote);
                    break;
            }
        }
        return -1;
    }
}

/// <summary>What a plain value reads as.</summary>
internal static class PlainValue
{
    /// <summary>The text of a text, number or bool; null of anything else.</summary>
    public static string? Of(in JsonValue value)
    {
        switch (value.Kind)
        {
            case JsonKind.String:
                return value.AsString();
            case JsonKind.True:
                return "true";
            case JsonKind.False:
                return "false";
            case JsonKind.Number when value.TryRaw(out var raw):
                return System.Text.Encoding.ASCII.GetString(raw);
            case JsonKind.Number:
                using (var output = new JsonOutput(64))
                {
                    value.Write(output);
                    return System.Text.Encoding.ASCII.GetString(output.Written);
                }
            default:
                return null;
        }
    }
}

/// <summary>Percent-encoding of a value, for a path segment and a query alike: only unreserved characters stay (RFC 3986 §2.3).</summary>
internal static class Percent
{
    private static readonly System.Buffers.SearchValues<char> Unreserved =
        System.Buffers.SearchValues.Create("-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    public static void Append(ref DefaultInterpolatedStringHandler text, ReadOnlySpan<char> value)
    {
        if (value.ContainsAnyExcept(Unreserved))
        {
            text.AppendLiteral(Uri.EscapeDataString(value));
        }
        else
        {
            text.AppendFormatted(value);
        }
    }
}

/// <summary>What the expressions of a call read.</summary>
/// <param name="Root">The sources that are there, and the route's parameters.</param>
/// <param name="Variables">The request.</param>
/// <param name="Evaluation">How much work they may do.</param>
internal readonly record struct CallInput(JsonValue Root, Transforms.Shaping.RequestVariables Variables, Evaluation Evaluation);
