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

    /// <summary>What the reply's <c>iss</c> must be; not checked where nothing is written and the reply has none.</summary>
    public string? Issuer { get; init; }

    /// <summary>What the reply's <c>aud</c> must name: one of these; not checked where nothing is written.</summary>
    [OneOrMany] public IReadOnlyList<string>? Audience { get; init; }

    /// <summary>Scopes that every token must have.</summary>
    [OneOrMany] public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>How long an answer is believed, at most until the token's <c>exp</c>. 0: each request asks.</summary>
    [Range("0", "1h")] public TimeSpan Cache { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the endpoint may take.</summary>
    [Range("100ms", "30s")] public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(3);
}
