using Postern.Config;

namespace Postern.Pipeline;

/// <summary>What the root says of tiers. Stands here because who authenticates reads the tier, and who limits uses it.</summary>
public sealed record TiersSection : Options
{
    /// <summary>Plans: what callers of each may use.</summary>
    public TiersOptions? Tiers { get; init; }
}

/// <summary>Plans by name, and which one a caller has. An API key says it; a token by a claim.</summary>
public sealed record TiersOptions : Options
{
    /// <summary>The claim that names a tier where nothing says which.</summary>
    internal const string UsualClaim = "plan";

    /// <summary>The claim that names a token's tier, where the way's own <c>claims.tier</c> says no other. Default: <c>plan</c>.</summary>
    public string? Claim { get; init; }

    /// <summary>The tier of callers whose key or token names none, or one that isn't defined, and of callers who aren't known.</summary>
    [Needed(Example = "free")] public string? Default { get; init; }

    /// <summary>A tier's limits.</summary>
    [OtherKeys] public IReadOnlyDictionary<string, TierOptions>? Plans { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        foreach (var tier in Plans?.Keys ?? [])
        {
            if (tier.Length is 0 or > 64 || tier.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)))
            {
                check.Error(this, tier, $"a tier's name is one word of at most 64 characters, got '{tier}'; write partner");
            }
        }
        if (Plans is not { Count: > 0 })
        {
            check.Error(this, "", "no tier is defined; add free: { global: 100/minute }");
        }
        else if (Default is { Length: > 0 } && !Plans.ContainsKey(Default))
        {
            var near = Nearest.Of(Default, Plans.Keys) is { } meant ? $"did you mean '{meant}'? " : "";
            check.Error(this, "default", $"no tier named '{Default}'; {near}(defined: {string.Join(", ", Plans.Keys)})");
        }
        Alike(check);
    }

    /// <summary>A group that a tier alone has, and that another's is nearly called: the tier would have no limit for that one.</summary>
    private void Alike(Check check)
    {
        var tiers = (Plans ?? new Dictionary<string, TierOptions>()).Where(t => t.Value is { Groups: not null }).ToList();
        foreach (var (name, tier) in tiers)
        {
            var others = tiers.Where(t => t.Key != name).SelectMany(t => t.Value.Groups!.Keys).ToHashSet();
            foreach (var group in tier.Groups!.Keys.Where(g => !others.Contains(g)))
            {
                if (Nearest.Of(group, others.Where(g => !tier.Groups.ContainsKey(g))) is { } meant)
                {
                    check.Warn(tier, $"groups.{group}", $"no other tier has a group '{group}', and this one sets no limit for '{meant}'; did you mean '{meant}'?");
                }
            }
        }
    }
}

/// <summary>One tier's limits: all of them hold at once, and a request that one refuses counts in none.</summary>
public sealed record TierOptions : Options
{
    /// <summary>The most groups of a tier. Each is two rules where there is a burst, and the global limit is two more.</summary>
    internal const int MaxGroups = 127;

    /// <summary>All requests together. Default: any number of them.</summary>
    public Rate? Global { get; init; }

    /// <summary>Requests to routes of each group; <c>none</c>: the tier lacks it, and the answer is 403. A group that isn't here
    /// counts globally only.</summary>
    public IReadOnlyDictionary<string, Rate>? Groups { get; init; }

    /// <summary>How fast each of these may be used up: <c>1.5x/10s</c> is a token bucket that holds one and a half times the limit's
    /// share of ten seconds, at least one request, and refills at the steady rate. Default: as fast as the caller likes.</summary>
    public Burst? Burst { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Global is { IsNone: true })
        {
            check.Error(this, "global", "a global limit of none lets nobody of the tier in; write a rate, or leave it out for no limit");
        }
        if (Groups?.Count > MaxGroups)
        {
            check.Error(this, "groups", $"a tier has at most {MaxGroups} groups, got {Groups.Count}; remove some");
        }
        var burst = Burst?.Problem;
        if (burst is not null)
        {
            check.Error(this, "burst", burst);
        }
        Sound(check, "global", Global, burst is null);
        foreach (var (group, rate) in Groups ?? new Dictionary<string, Rate>())
        {
            if (NameFault(group) is { } fault)
            {
                check.Error(this, $"groups.{group}", fault);
            }
            Sound(check, $"groups.{group}", rate, burst is null);
        }
    }

    private void Sound(Check check, string key, Rate? rate, bool burst)
    {
        if (rate?.Problem is { } problem)
        {
            check.Error(this, key, problem);
        }
        else if (burst && rate is { IsNone: false } limit && Burst is { } faster && faster.CapacityOf(limit) > Config.Burst.MaxCapacity)
        {
            check.Error(this, "burst", $"with {key}: {limit} the bucket would hold {faster.CapacityOf(limit):0}, more than {Config.Burst.MaxCapacity}; lower one of them");
        }
    }

    /// <summary>Callers read the name in <c>RateLimit-Policy</c>, beside <c>global</c> and the names of bursts.</summary>
    private static string? NameFault(string group) =>
        group.Length is 0 or > 64 || group.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.'))
            ? $"a group's name has letters, digits, '-', '_' and '.', 64 at most, got '{group}'; rename it"
        : group == "global" || group.EndsWith("-burst", StringComparison.Ordinal)
            ? $"'{group}' is what the gateway calls a limit of its own; rename the group"
        : null;
}
