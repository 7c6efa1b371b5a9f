using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Pipeline;

namespace Postern.Edge.Authenticating;

/// <summary>What a request carries to be known by: nothing, one credential, or what can't be judged at all.</summary>
internal readonly struct Presented
{
    private const string Scheme = "Bearer";

    // RFC 6750 §2.1 b64token
    private static readonly SearchValues<char> TokenChars = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");

    private readonly string? source;
    private readonly Range at;

    private Presented(string source, Range at, ApiKeyWay? keys) => (this.source, this.at, Keys) = (source, at, keys);

    /// <summary>Whether there is a credential to judge.</summary>
    public bool IsThere => source is not null;

    /// <summary>The credential, without a copy of it.</summary>
    public ReadOnlySpan<char> Text => source.AsSpan()[at];

    /// <summary>The keys that it may be one of; null for a bearer token.</summary>
    public ApiKeyWay? Keys { get; }

    /// <summary>Why nothing is to be judged.</summary>
    public Failure Failure { get; private init; }

    /// <summary>For the client; null for the failure's own words.</summary>
    public string? Detail { get; private init; }

    /// <summary>Reads what these ways look at, and nothing else.</summary>
    public static Presented Read(Ways ways, IHeaderDictionary headers, string query)
    {
        var presented = default(Presented);
        if (ways.Bearers.Length > 0 && headers.Authorization is { Count: > 0 } authorization)
        {
            if (authorization.Count > 1)
            {
                return Several;
            }
            if (Bearer(authorization[0]!, out var token))
            {
                presented = new Presented(authorization[0]!, token, null);
                if (presented.Text.Length is 0 or > Digest.MaxLength)
                {
                    return new Presented { Failure = Failure.InvalidToken, Detail = presented.Text.Length == 0 ? "The token is empty." : "The token is longer than 8 KB." };
                }
            }
        }
        foreach (var keys in ways.Keys)
        {
            var given = keys.Header is not null ? headers[keys.Header] : QueryKey(query, keys.Query!);
            if (given.Count == 0)
            {
                continue;
            }
            if (given.Count > 1 || presented.IsThere)
            {
                return Several;
            }
            presented = new Presented(given[0] ?? "", .., keys);
            if (presented.Text.Length is 0 or > Digest.MaxLength)
            {
                return new Presented { Failure = Failure.InvalidKey };
            }
        }
        return presented;
    }

    /// <summary>What no bearer token looks like; looked at only where the token isn't known.</summary>
    public Verdict? Fault() => Keys is not null || !Text.ContainsAnyExcept(TokenChars) ? null
        // A comma is what joins two fields on the way here, so these are two tokens.
        : Text.Contains(',') ? Verdict.Refused(Failure.SeveralCredentials, null)
        : Verdict.Refused(Failure.InvalidToken, "The token has characters that no token has.");

    /// <summary>Two credentials are two opinions on who is calling (RFC 6750 §3.1 invalid_request).</summary>
    private static Presented Several => new() { Failure = Failure.SeveralCredentials };

    /// <summary>Where the token stands, which may be empty; false where another scheme is used.</summary>
    private static bool Bearer(string authorization, out Range token)
    {
        // RFC 9110 §11.1: schemes are of any case, and one space or more follow. HTTP/2 brings spaces at the ends too.
        var text = authorization.AsSpan().Trim(" \t");
        var before = authorization.AsSpan().IndexOf(text);
        var end = text.IndexOfAny(' ', '\t') is >= 0 and var space ? space : text.Length;
        var start = end + text[end..].IndexOfAnyExcept(" ");
        token = new Range(before + (end == text.Length ? end : start), before + text.Length);
        return text[..end].Equals(Scheme, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The values of that parameter, however it is encoded; no more than two. One in other letters is none, but beside it a second one: upstreams may not tell them apart.</summary>
    private static StringValues QueryKey(string query, string name)
    {
        var (found, exact) = (StringValues.Empty, false);
        foreach (var pair in new QueryStringEnumerable(query))
        {
            var parameter = pair.DecodeName().Span;
            if (parameter.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                exact |= parameter.SequenceEqual(name);
                found = found.Count > 1 ? found : StringValues.Concat(found, pair.DecodeValue().ToString());
            }
        }
        return exact ? found : default;
    }
}
