using Postern.Config;

namespace Postern.Edge.Authorizing;

/// <summary>What a route asks of its caller.</summary>
public sealed record RequireSection : Options
{
    /// <summary>What a known caller must have to be let in; one that lacks it gets 403.</summary>
    public RequireOptions? Require { get; init; }
}

/// <summary>
/// What a caller must have. All that stands side by side must hold: each scope, each role, each claim, all of
/// <c>all</c>, and one of <c>any</c>.
/// </summary>
public sealed record RequireOptions : Options
{
    /// <summary>Scopes the caller was granted, letter by letter.</summary>
    [OneOrMany] public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>Roles the caller has, letter by letter.</summary>
    [OneOrMany] public IReadOnlyList<string>? Roles { get; init; }

    /// <summary>Claims by name, or by a path into nested objects such as <c>address.country</c>, and what they must be.</summary>
    public IReadOnlyDictionary<string, ClaimCondition>? Claims { get; init; }

    /// <summary>All that is listed here must hold.</summary>
    public RequireGroup? All { get; init; }

    /// <summary>One of all that is listed here is enough.</summary>
    public RequireGroup? Any { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Scopes is not { Count: > 0 } && Roles is not { Count: > 0 } && Claims is not { Count: > 0 } && All is null && Any is null)
        {
            check.Error(this, "", "asks nothing of the caller; write scopes, roles, claims, all or any under it");
        }
        Names(this, check, Scopes, Roles, Claims);
    }

    internal static void Names(Options at, Check check, IReadOnlyList<string>? scopes, IReadOnlyList<string>? roles, IReadOnlyDictionary<string, ClaimCondition>? claims)
    {
        for (var i = 0; i < scopes?.Count; i++)
        {
            // RFC 6749 §3.3: a scope is printable ASCII without space, quote and backslash.
            if (scopes[i].Contains(' '))
            {
                check.Error(at, $"scopes[{i}]", $"a scope has no spaces, got '{scopes[i]}'; write [{string.Join(", ", scopes[i].Split(' ', StringSplitOptions.RemoveEmptyEntries))}]");
            }
            else if (scopes[i].Length == 0 || scopes[i].Any(c => c is < '!' or > '~' or '"' or '\\'))
            {
                check.Error(at, $"scopes[{i}]", $"not a scope, got '{scopes[i]}'; write one like orders.read");
            }
        }
        for (var i = 0; i < roles?.Count; i++)
        {
            if (roles[i].Length == 0)
            {
                check.Error(at, $"roles[{i}]", "not a role, got an empty text; write one like admin");
            }
        }
        if (claims?.ContainsKey("") is true)
        {
            check.Error(at, "claims", "a claim has a name, got an empty text; write one like org_id");
        }
    }
}

/// <summary>
/// What is taken together under <c>all</c> or <c>any</c>: each scope, role and claim is one thing. In place of the mapping may stand a
/// list of requirements, and then each of these is one thing: <c>any: [{ roles: staff }, { scopes: reports.read, claims: { org_id: acme } }]</c>.
/// </summary>
[Shorthand(nameof(Of))]
public sealed record RequireGroup : Options
{
    /// <summary>Scopes, each one thing.</summary>
    [OneOrMany] public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>Roles, each one thing.</summary>
    [OneOrMany] public IReadOnlyList<string>? Roles { get; init; }

    /// <summary>Claims and what they must be, each one thing.</summary>
    public IReadOnlyDictionary<string, ClaimCondition>? Claims { get; init; }

    /// <summary>Requirements, each one thing: all that one says must hold.</summary>
    public IReadOnlyList<RequireOptions>? Of { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Scopes is not { Count: > 0 } && Roles is not { Count: > 0 } && Claims is not { Count: > 0 } && Of is not { Count: > 0 })
        {
            check.Error(this, "", "asks nothing of the caller; write scopes, roles or claims under it, or a list of requirements");
        }
        RequireOptions.Names(this, check, Scopes, Roles, Claims);
    }
}

/// <summary>
/// What one claim must be. It is compared as text, letter by letter: <c>true</c> and <c>7</c> fit a token's <c>true</c> and <c>7</c>,
/// with or without quotes. Where the token has a list, one of its entries must fit.
/// </summary>
[Shorthand(nameof(Is))]
public sealed record ClaimCondition : Options
{
    /// <summary>The value, or the values of which one is enough.</summary>
    [OneOrMany] public IReadOnlyList<string>? Is { get; init; }

    /// <summary>True: the token must have the claim, with any value but null. False: it must not.</summary>
    public bool? Exists { get; init; }

    /// <summary>One value: <c>["org_id"] = "acme"</c>.</summary>
    public static implicit operator ClaimCondition(string value) => new() { Is = [value] };

    /// <summary>A truth: <c>["email_verified"] = true</c>.</summary>
    public static implicit operator ClaimCondition(bool value) => new() { Is = [value ? "true" : "false"] };

    /// <summary>Values of which one is enough: <c>["plan"] = new[] { "pro", "enterprise" }</c>.</summary>
    public static implicit operator ClaimCondition(string[] values) => new() { Is = values };

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if ((Is is { Count: > 0 }) == (Exists is not null))
        {
            check.Error(this, "", "a condition says one thing; write a value, a list of values, or { exists: true }");
        }
    }
}
