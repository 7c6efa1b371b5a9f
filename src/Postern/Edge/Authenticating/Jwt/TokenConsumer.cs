using System.Text.Json;
using Postern.Pipeline;

namespace Postern.Edge.Authenticating.Jwt;

/// <summary>Reads verified claims as a consumer, by the names that claims have at this issuer.</summary>
internal sealed class TokenConsumer(string way, ClaimOptions options)
{
    private readonly ClaimPath id = new(options.Id), name = new(options.Name), tier = new(options.Tier ?? TiersOptions.UsualClaim);
    private readonly ClaimPath[] scopes = [.. options.Scopes.Select(s => new ClaimPath(s))], roles = [.. options.Roles.Select(r => new ClaimPath(r))];

    /// <summary>The consumer; the claims have been found to name one.</summary>
    /// <param name="claims">What the issuer says.</param>
    /// <param name="issuer">The issuer, where it says who it is.</param>
    /// <param name="otherwise">The name where no claim says one.</param>
    public Consumer Of(JsonElement claims, string? issuer, string? otherwise = null) => new()
    {
        Id = id.In(claims)!.Value.GetString()!,
        Name = name.Text(claims) ?? otherwise,
        Tier = tier.Text(claims),
        Scopes = First(scopes, claims),
        Roles = First(roles, claims),
        Way = way,
        Issuer = issuer,
        Claims = claims,
    };

    private static IReadOnlyList<string> First(ClaimPath[] paths, JsonElement claims) =>
        Array.Find(paths, p => p.In(claims) is not null) is { } path ? path.List(claims) : [];
}
