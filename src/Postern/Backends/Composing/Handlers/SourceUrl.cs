using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Postern.Wire;

namespace Postern.Backends.Composing.Handlers;

/// <summary>
/// The URL of a source, written as <c>$"http://orders/api/orders/{id}?limit={n}"</c>: its host is the name of an upstream, and each
/// value is percent-encoded for its place. A value in the path is one segment or a part of one, a value in the query is one value:
/// none can add a <c>/</c>, <c>?</c>, <c>#</c>, <c>&amp;</c> or <c>..</c>. A list in the query becomes its items with commas between them.
/// <c>{rest:**}</c> in the path keeps the slashes of a value, as of a route's <c>{**rest}</c>: each of its segments is encoded.
/// Where a value is null, empty in the path, or would make a segment <c>.</c> or <c>..</c>, the call isn't made, and that is the source's failure.
/// </summary>
[InterpolatedStringHandler]
public sealed class SourceUrl
{
    private const string Scheme = "http://";

    private readonly StringBuilder text;
    private bool query;
    private int holes;
    private string? missing;

    /// <summary>Made by the compiler.</summary>
    public SourceUrl(int literalLength, int formattedCount) => text = new StringBuilder(literalLength + formattedCount * 16);

    /// <summary>Adds what stands between the values.</summary>
    /// <exception cref="ArgumentException">It is no part of such a URL.</exception>
    public void AppendLiteral(string value)
    {
        // Each part by itself: "%2" before a value that begins with "f" would be a slash.
        if (value.AsSpan().ContainsAnyExceptInRange('!', '~') || value.AsSpan().IndexOfAny('#', '\\') >= 0 || !IsEncoded(value))
        {
            throw new ArgumentException($"A URL is sent as it stands here, got '{value}'. Percent-encode spaces, '#', '\\' and everything beyond ASCII; '%' stands before two hex digits.");
        }
        text.Append(value);
        query |= value.Contains('?');
    }

    /// <summary>Adds a value, encoded for its place.</summary>
    public void AppendFormatted<T>(T value) => AppendFormatted(value, null);

    /// <summary>The same in a format: <c>{day:yyyy-MM-dd}</c>.</summary>
    /// <exception cref="ArgumentException">A value stands where the upstream's name does.</exception>
    public void AppendFormatted<T>(T value, string? format)
    {
        if (text.Length <= Scheme.Length || (!query && text.ToString(Scheme.Length, text.Length - Scheme.Length).IndexOf('/') < 0))
        {
            throw new ArgumentException($"The upstream of a source is fixed, got a value behind '{text}'. Write the upstream's name, as in $\"http://orders/api/orders/{{id}}\".");
        }
        holes++;
        var said = (object?)value switch
        {
            JsonElement { ValueKind: JsonValueKind.Array } list when query => Items(list.EnumerateArray(), format),
            IEnumerable list and not string when query => Items(list, format),
            string rest when format == "**" && !query => string.Join('/', rest.Split('/').Select(Uri.EscapeDataString)),
            _ => Encoded(Text(value, format)),
        };
        if (said is null || (said.Length == 0 && !query))
        {
            missing ??= $"value {holes} of the URL is {(said is null ? "null, or no text, number or bool" : "empty")}";
            return;
        }
        text.Append(said);
    }

    /// <summary>A URL without values.</summary>
    internal static SourceUrl Of(string url)
    {
        var whole = new SourceUrl(url.Length, 0);
        whole.AppendLiteral(url);
        return whole;
    }

    /// <summary>The upstream's name and what is sent to it; or why it can't be sent.</summary>
    /// <exception cref="ArgumentException">It is no URL of an upstream, whatever its values are.</exception>
    internal (string Upstream, string Target, string? Missing) Finish()
    {
        var url = text.ToString();
        if (!url.StartsWith(Scheme, StringComparison.Ordinal))
        {
            throw new ArgumentException($"The URL of a source begins with http:// and the name of an upstream, got '{url}'.");
        }
        var rest = url.AsSpan(Scheme.Length);
        var end = rest.IndexOfAny('/', '?') is >= 0 and var found ? found : rest.Length;
        var (upstream, target) = (rest[..end].ToString(), rest[end..].ToString());
        if (target.Length == 0 || target[0] == '?')
        {
            target = "/" + target;
        }
        if (missing is null)
        {
            var mark = target.IndexOf('?');
            var (path, asked) = mark < 0 ? (target, "") : (target[..mark], target[mark..]);
            // Whoever wrote it may have encoded a slash on purpose; a value's are always encoded.
            var faults = RequestTarget.Inspect(path, asked) & ~(PathFaults.EncodedSlash | PathFaults.EncodedBackslash);
            if (faults != PathFaults.None && holes == 0)
            {
                throw new ArgumentException($"{RequestTarget.Describe(faults)} Write the path that is meant, got '{url}'.");
            }
            missing = faults == PathFaults.None ? null : $"with its values the URL would not be what it is: {RequestTarget.Describe(faults)}";
        }
        return (upstream, target, missing);
    }

    private static string? Items(IEnumerable list, string? format)
    {
        var items = new StringBuilder();
        foreach (var item in list)
        {
            if (Encoded(Text(item, format)) is not { } said)
            {
                return null;
            }
            items.Append(items.Length > 0 ? "," : "").Append(said);
        }
        return items.Length == 0 ? null : items.ToString();
    }

    /// <summary>A value as text, the same on every machine; null for what a URL can't say.</summary>
    private static string? Text(object? value, string? format) => value switch
    {
        null => null,
        string text => text,
        bool yes => yes ? "true" : "false",
        JsonElement json => Text(json),
        RawJson raw => Text(raw.ToElement()),
        DateTime or DateTimeOffset or DateOnly or TimeOnly => ((IFormattable)value).ToString(format ?? "O", CultureInfo.InvariantCulture),
        IFormattable plain => plain.ToString(format, CultureInfo.InvariantCulture),
        IEnumerable => null,
        _ => value.ToString(),
    };

    private static string? Text(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => json.GetString(),
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => json.GetRawText(),
        _ => null,
    };

    /// <summary>RFC 3986 §2.3: only unreserved characters stand for themselves.</summary>
    [return: NotNullIfNotNull(nameof(text))]
    private static string? Encoded(string? text) => text is null ? null : Uri.EscapeDataString(text);

    private static bool IsEncoded(string text)
    {
        for (var i = text.IndexOf('%'); i >= 0; i = text.IndexOf('%', i + 1))
        {
            if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2]))
            {
                return false;
            }
        }
        return true;
    }
}
