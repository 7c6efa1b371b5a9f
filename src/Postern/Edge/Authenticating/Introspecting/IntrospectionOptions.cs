using Postern.Config;

namespace Postern.Edge.Authenticating.Introspecting;

/// <summary>Tokens that only their issuer can read: it is asked about each, once (RFC 7662).</summary>
public sealed record IntrospectionOptions : Options
{
    /// <summary>The introspection endpoint. https, or http on loopback.</summary>
    [Needed(Example = "https://auth.example.com/introspect")] public string? Endpoint { get; init; }

    /// <summary>The gateway's own name there.</summary>
    [Needed(Example = "postern")] public string? ClientId { get; init; }

    /// <summary>The gateway's own secret there, sent as HTTP Basic (RFC 6749 §2.3.1).</summary>
    [Secret, Needed(Example = "${env:INTROSPECT_SECRET}")] public string? ClientSecret { get; init; }

    /// <summary>What the reply's <c>iss</c> must be; a reply without <c>iss</c> is refused then. Not checked where nothing is written.</summary>
    public string? Issuer { get; init; }

    /// <summary>What the reply's <c>aud</c> must name: one of these; a reply without <c>aud</c> is refused then. Not checked where nothing is written.</summary>
    [OneOrMany] public IReadOnlyList<string>? Audience { get; init; }

    /// <summary>Scopes that every token must have; one without gets 403.</summary>
    [OneOrMany] public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>How long an answer is believed, at most until the token's <c>exp</c>; that a token isn't active, at most 5 s. 0: each request asks.</summary>
    [Range("0", "1h")] public TimeSpan Cache { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the endpoint may take.</summary>
    [Range("100ms", "30s")] public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Endpoint is { Length: > 0 } && Problem(Endpoint) is { } problem)
        {
            check.Error(this, "endpoint", problem);
        }
        if (Issuer is { Length: 0 })
        {
            check.Error(this, "issuer", "an empty text, which no reply has; write the exact iss, or remove the line");
        }
        Words("audience", Audience, spaces: true, check);
        Words("scopes", Scopes, spaces: false, check);
    }

    private static string? Problem(string endpoint)
    {
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.Host.Length == 0)
        {
            return $"a URL is needed, got '{endpoint}'; write https://auth.example.com/introspect";
        }
        if (url.UserInfo.Length > 0)
        {
            return "has a name or password in it, which is not sent; write clientId and clientSecret instead";
        }
        if (url.Fragment.Length > 0)
        {
            return $"a fragment is never sent, got '{endpoint}'; write {endpoint[..endpoint.IndexOf('#')]}";
        }
        return Fetch.Allows(url) ? null : $"https is needed beyond this machine, got '{endpoint}'; write https{endpoint[endpoint.IndexOf(':')..]}";
    }

    private void Words(string key, IReadOnlyList<string>? words, bool spaces, Check check)
    {
        if (words is { Count: 0 })
        {
            check.Error(this, key, "an empty list, which would check nothing; name one, or remove the line");
        }
        for (var i = 0; i < words?.Count; i++)
        {
            if (words[i].Length == 0)
            {
                check.Error(this, words.Count == 1 ? key : $"{key}[{i}]", "an empty text; remove it");
            }
            else if (spaces)
            {
                continue;
            }
            else if (words[i].Any(char.IsWhiteSpace))
            {
                check.Error(this, words.Count == 1 ? key : $"{key}[{i}]", $"a scope has no spaces, got '{words[i]}'; write [{string.Join(", ", words[i].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))}]");
            }
            else if (words[i].Any(c => c is < '!' or > '~' or '"' or '\\'))
            {
                // RFC 6749 §3.3
                check.Error(this, words.Count == 1 ? key : $"{key}[{i}]", $"a scope has printable ASCII characters but for quotes and backslashes, got '{words[i]}'; write it as the issuer does");
            }
        }
    }
}
