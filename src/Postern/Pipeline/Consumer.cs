using System.Security.Claims;
using System.Text.Json;

namespace Postern.Pipeline;

/// <summary>
/// Who is calling. Made once per credential and shared by all requests that carry it, so it never changes; what it costs
/// to derive from it (headers for upstreams, a <see cref="ClaimsPrincipal"/>) is derived once too.
/// </summary>
public sealed class Consumer
{
    private ClaimsPrincipal? principal;
    private string? key;

    /// <summary>Unique among the callers of one <see cref="Way"/>: the subject, or the name of an API key. Never a metric's label.</summary>
    public required string Id { get; init; }

    /// <summary>What tells this caller from all others, of other ways too. No address and no header looks like it.</summary>
    internal string Key => key ??= $"@{Way}:{Id}";

    /// <summary>For people; null where nothing names the caller.</summary>
    public string? Name { get; init; }

    /// <summary>The plan whose limits hold; null where neither key nor claim says one.</summary>
    public string? Tier { get; init; }

    /// <summary>What the caller was granted.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>What the caller is.</summary>
    public IReadOnlyList<string> Roles { get; init; } = [];

    /// <summary>The name under <c>identity</c> by which the caller is known.</summary>
    public required string Way { get; init; }

    /// <summary>Who vouches for the caller: the token's <c>iss</c>; null for API keys.</summary>
    public string? Issuer { get; init; }

    /// <summary>Everything that is known: the token's payload, the introspection's reply, or what the key's entry says. A JSON object.</summary>
    public required JsonElement Claims { get; init; }

    /// <summary>The same for code that speaks of <see cref="ClaimsPrincipal"/>: a claim per plain value, one per entry of an array.</summary>
    public ClaimsPrincipal Principal => principal ??= MakePrincipal();

    /// <summary>What upstreams are told of this consumer, kept by whoever works it out; see <c>forwardIdentity</c>.</summary>
    internal object? Told;

    private ClaimsPrincipal MakePrincipal()
    {
        var claims = new List<Claim>();
        foreach (var claim in Claims.EnumerateObject())
        {
            if (claim.Name is ClaimTypes.NameIdentifier or ClaimTypes.Name or ClaimTypes.Role)
            {
                continue; // Said below as the gateway knows it. A token's own word would be found before that.
            }
            if (claim.Value.ValueKind == JsonValueKind.Array)
            {
                claims.AddRange(claim.Value.EnumerateArray().Select(v => Make(claim.Name, v)));
            }
            else
            {
                claims.Add(Make(claim.Name, claim.Value));
            }
        }
        // Whatever the claims are called, these are where .NET looks for them.
        claims.Add(new Claim(ClaimTypes.NameIdentifier, Id, ClaimValueTypes.String, Issuer));
        claims.Add(new Claim(ClaimTypes.Name, Name ?? Id, ClaimValueTypes.String, Issuer));
        claims.AddRange(Roles.Select(r => new Claim(ClaimTypes.Role, r, ClaimValueTypes.String, Issuer)));
        return new ClaimsPrincipal(new ClaimsIdentity(claims, Way));
    }

    private Claim Make(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => new Claim(name, value.GetString()!, ClaimValueTypes.String, Issuer),
        JsonValueKind.True or JsonValueKind.False => new Claim(name, value.GetRawText(), ClaimValueTypes.Boolean, Issuer),
        JsonValueKind.Number => new Claim(name, value.GetRawText(), value.TryGetInt64(out _) ? ClaimValueTypes.Integer64 : ClaimValueTypes.Double, Issuer),
        _ => new Claim(name, value.GetRawText(), "JSON", Issuer),
    };
}
