using Postern.Pipeline;

namespace Postern.Edge.Authorizing;

/// <summary>What a caller must have, ready to be asked of each: either all of it or any of it. Asking allocates nothing.</summary>
internal sealed class Requirement
{
    private readonly bool any;
    private readonly string[] scopes;
    private readonly string[] roles;
    private readonly ClaimTest[] claims;
    private readonly Requirement[] groups;

    public Requirement(RequireOptions options) : this(any: false, options.Scopes, options.Roles, options.Claims)
    {
        List<Requirement> inner = [];
        if (options.All is { } all)
        {
            inner.Add(new Requirement(all, any: false));
        }
        if (options.Any is { } some)
        {
            inner.Add(new Requirement(some, any: true));
        }
        groups = [.. inner];
    }

    private Requirement(RequireGroup group, bool any) : this(any, group.Scopes, group.Roles, group.Claims) =>
        groups = [.. (group.Of ?? []).Select(r => new Requirement(r))];

    private Requirement(bool any, IReadOnlyList<string>? scopes, IReadOnlyList<string>? roles, IReadOnlyDictionary<string, ClaimCondition>? claims)
    {
        (this.any, this.scopes, this.roles, groups) = (any, [.. scopes ?? []], [.. roles ?? []], []);
        this.claims = [.. (claims ?? new Dictionary<string, ClaimCondition>()).Select(c => new ClaimTest(c.Key, c.Value))];
    }

    /// <summary>Whether the caller has it.</summary>
    public bool Holds(Consumer consumer)
    {
        // Of all, the first that fails decides; of any, the first that holds.
        foreach (var scope in scopes)
        {
            if (Has(consumer.Scopes, scope) == any)
            {
                return any;
            }
        }
        foreach (var role in roles)
        {
            if (Has(consumer.Roles, role) == any)
            {
                return any;
            }
        }
        foreach (var claim in claims)
        {
            if (claim.Holds(consumer.Claims) == any)
            {
                return any;
            }
        }
        foreach (var group in groups)
        {
            if (group.Holds(consumer) == any)
            {
                return any;
            }
        }
        return !any;
    }

    /// <summary>
    /// What is missing, in words: <c>scope users.read, role admin</c>. For a <paramref name="consumer"/>, only what it lacks; for null, all
    /// there is. What a claim must be is told to the gateway's own people, not to the caller.
    /// </summary>
    public string Words(Consumer? consumer, bool values)
    {
        List<string> parts = [];
        Add(parts, consumer, values);
        return string.Join(", ", parts);
    }

    /// <summary>The scopes that would help, for the challenge: all of those that are needed where one of them lacks, else those of which one is.</summary>
    public string? ScopesLacking(Consumer consumer)
    {
        List<string> named = [];
        AddScopes(named, consumer);
        return named.Count == 0 ? null : string.Join(' ', named);
    }

    private void Add(List<string> parts, Consumer? consumer, bool values)
    {
        if (consumer is not null && Holds(consumer))
        {
            return;
        }
        List<string> mine = any ? [] : parts;
        foreach (var scope in scopes)
        {
            if (consumer is null || !Has(consumer.Scopes, scope))
            {
                mine.Add($"scope {scope}");
            }
        }
        foreach (var role in roles)
        {
            if (consumer is null || !Has(consumer.Roles, role))
            {
                mine.Add($"role {role}");
            }
        }
        foreach (var claim in claims)
        {
            if (consumer is null || !claim.Holds(consumer.Claims))
            {
                mine.Add(claim.Words(values));
            }
        }
        foreach (var group in groups)
        {
            if (any && !group.any)
            {
                List<string> together = [];
                group.Add(together, consumer, values);
                mine.Add(together.Count == 1 ? together[0] : $"({string.Join(" and ", together)})");
            }
            else
            {
                group.Add(mine, consumer, values);
            }
        }
        if (any)
        {
            parts.Add(mine.Count == 1 ? mine[0] : $"one of {string.Join(", ", mine)}");
        }
    }

    private void AddScopes(List<string> named, Consumer consumer)
    {
        if (Holds(consumer))
        {
            return;
        }
        var lacking = false;
        foreach (var scope in scopes)
        {
            lacking |= !Has(consumer.Scopes, scope);
        }
        foreach (var scope in lacking ? scopes : [])
        {
            if (!named.Contains(scope))
            {
                named.Add(scope);
            }
        }
        foreach (var group in groups)
        {
            group.AddScopes(named, consumer);
        }
    }

    private static bool Has(IReadOnlyList<string> held, string wanted)
    {
        for (var i = 0; i < held.Count; i++)
        {
            if (held[i] == wanted)
            {
                return true;
            }
        }
        return false;
    }
}
