using Postern.Config;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Edge.Authenticating.Introspecting;
using Postern.Edge.Authenticating.Jwt;

namespace Postern.Edge.Authenticating;

/// <summary>What the root says of callers.</summary>
public sealed record IdentitySection : Options
{
    /// <summary>Ways to know who is calling, by name. Gates and routes list the names under their own <c>identity</c>.</summary>
    public IReadOnlyDictionary<string, WayOptions>? Identity { get; init; }
}

/// <summary>One way to know who is calling: exactly one of <c>jwt</c>, <c>introspection</c> and <c>apiKey</c>.</summary>
public sealed record WayOptions : Options
{
    /// <summary>Signed tokens, checked here (RFC 7519, RFC 8725).</summary>
    public JwtOptions? Jwt { get; init; }

    /// <summary>Opaque tokens, asked about at the server that issued them (RFC 7662).</summary>
    public IntrospectionOptions? Introspection { get; init; }

    /// <summary>Keys given to callers, of which only hashes are stored.</summary>
    public ApiKeyOptions? ApiKey { get; init; }

    /// <summary>Which claims of a token say what the gateway wants to know. Not for API keys.</summary>
    public ClaimOptions Claims { get; init; } = new();

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        string[] said = [.. new[] { Jwt is null ? null : "jwt", Introspection is null ? null : "introspection", ApiKey is null ? null : "apiKey" }.OfType<string>()];
        if (said.Length == 0)
        {
            check.Error(this, "", "says no way to know a caller; write jwt, introspection or apiKey under it");
        }
        else if (said.Length > 1)
        {
            check.Error(this, said[1], $"a way is one thing, got {string.Join(" and ", said)}; give each its own name");
        }
        else if (ApiKey is not null && Origin?.Has("claims") is true)
        {
            check.Error(this, "claims", "keys have no claims to choose from, their entries say name, tier and scopes; remove this");
        }
    }
}

/// <summary>Names of claims, each possibly a path into nested objects: <c>realm_access.roles</c>. A claim with exactly that name comes first.</summary>
public sealed record ClaimOptions : Options
{
    /// <summary>The caller's id. A token without it is refused.</summary>
    public string Id { get; init; } = "sub";

    /// <summary>The caller's name, for people.</summary>
    public string Name { get; init; } = "name";

    /// <summary>Scopes: a text of words or a list. The first of these that the token has counts.</summary>
    [OneOrMany] public IReadOnlyList<string> Scopes { get; init; } = ["scope", "scp"];

    /// <summary>Roles: a list, or a text of words. The first of these that the token has counts.</summary>
    [OneOrMany] public IReadOnlyList<string> Roles { get; init; } = ["roles"];

    /// <summary>The caller's tier, whose limits hold. Default: what <c>tiers.claim</c> says, else <c>plan</c>.</summary>
    public string? Tier { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        Named(check, "id", Id, "sub");
        Named(check, "name", Name, "name");
        if (Tier is not null)
        {
            Named(check, "tier", Tier, "plan");
        }
        for (var i = 0; i < Scopes.Count; i++)
        {
            Named(check, $"scopes[{i}]", Scopes[i], "scope");
        }
        for (var i = 0; i < Roles.Count; i++)
        {
            Named(check, $"roles[{i}]", Roles[i], "roles");
        }
    }

    private void Named(Check check, string key, string claim, string example)
    {
        if (string.IsNullOrWhiteSpace(claim))
        {
            check.Error(this, key, $"the name of a claim is needed, got an empty text; write {example}, or remove it");
        }
    }
}
