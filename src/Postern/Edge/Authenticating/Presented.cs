using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Pipeline;

namespace Postern.Edge.Authenticating;

/// <summary>What a request carries to be known by: nothing, one credential, or what can't be judged at all.</summary>
internal readonly record struct Presented
{
    private const string Scheme = "Bearer ";

    /// <summary>The one credential; null where there is none, or <see cref="Failure"/> says why it isn't looked at.</summary>
    public string? Credential { get; private init; }

    /// <summary>The keys that it may be one of; null for a bearer token.</summary>
    public ApiKeyWay? Keys { get; private init; }

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
                return new Presented { Failure = Failure.SeveralCredentials };
            }
            if (Bearer(authorization[0]!) is { } token)
            {
                if (token.Length > Digest.MaxLength)
                {
                    return new Presented { Failure = Failure.InvalidToken, Detail = "The token is longer than 8 KB." };
                }
                presented = new Presented { Credential = token };
            }
        }
        foreach (var keys in ways.Keys)
        {
            var given = keys.Header is not null ? headers[keys.Header] : QueryKey(query, keys.Query!);
            if (given.Count == 0)
            {
                continue;
            }
            if (given.Count > 1 || presented.Credential is not null)
            {
                // Two credentials are two opinions on who is calling.
                return new Presented { Failure = Failure.SeveralCredentials };
            }
            var key = given[0] ?? "";
            if (key.Length is 0 or > Digest.MaxLength)
            {
                return new Presented { Failure = Failure.InvalidKey };
            }
            presented = new Presented { Credential = key, Keys = keys };
        }
        return presented;
    }

    /// <summary>The token behind the scheme; null where another scheme is used.</summary>
    private static string? Bearer(string authorization) =>
        authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? authorization[Scheme.Length..].Trim(' ') : null;

    private static StringValues QueryKey(string query, string name) =>
        query.Contains(name, StringComparison.Ordinal) || query.Contains('%') ? QueryHelpers.ParseQuery(query).GetValueOrDefault(name) : default;
}
