namespace Postern.Tests.Edge.RateLimiting;

/// <summary>Tiers, groups and bursts: both tables of plans, each of their numbers by the clock.</summary>
public sealed class TierTests
{
    private static readonly string[] Groups = ["read", "write", "search", "export", "bulk", "webhooks"];

    private const string Matrix = """
        tiers:
          claim: plan
          default: free
          free:
            global: 100/minute
            groups: { read: 60/minute, write: 20/minute, search: 10/minute, export: 2/hour, bulk: none, webhooks: none }
            burst: 1.5x/10s
          pro:
            global: 1000/minute
            groups: { read: 600/minute, write: 200/minute, search: 100/minute, export: 20/hour, bulk: none, webhooks: none }
            burst: 2x/10s
          enterprise:
            global: 10000/minute
            groups: { read: 6000/minute, write: 2000/minute, search: 1000/minute, export: 200/hour, bulk: 50/hour, webhooks: none }
            burst: 3x/10s
          partner:
            global: 5000/minute
            groups: { read: 3000/minute, write: 1000/minute, search: 500/minute, export: 50/hour, bulk: 100/hour, webhooks: 10/minute }
            burst: 2x/10s
        """;

    /// <summary>The other table: fewer groups, no bursts.</summary>
    private const string Other = """
        tiers:
          default: free
          free: { global: 100/minute, groups: { search: 20/minute, export: 5/hour } }
          pro: { global: 1000/minute, groups: { search: 200/minute, export: 50/hour } }
          enterprise: { global: 10000/minute, groups: { search: 2000/minute, export: 500/hour } }
          partner: { global: 5000/minute, groups: { bulk: 100/hour, webhooks: 10/minute } }
        """;

    private static readonly (string, string)[] Keys = [("f", "free"), ("p", "pro"), ("e", "enterprise"), ("b", "partner"), ("none", ""), ("odd", "platinum")];

    private static LimitedGateway Start(string tiers, params string[] groups) => LimitedGateway.Start($$"""
        {{tiers}}
        gates:
          web:
            match: { path: /web }
            identity: { use: [key], optional: true }
            rateLimit: { by: consumer, tiers: true }
            routes:
              - { get: /plain, respond: 200 }
        {{string.Join('\n', groups.Select(g => $"      - {{ get: /{g}, group: {g}, respond: 200 }}"))}}
          partner:
            match: { path: /partner }
            identity: { use: [key], optional: true }
            rateLimit: { tiers: true }
            routes:
              - { get: /read, group: {{groups[0]}}, respond: 200 }
              - { get: /own, rateLimit: 3/minute, respond: 200 }
        """, keys: Keys);

    /// <summary>Tier, group, how many pass at once, how many in its window; none is a 403.</summary>
    public static TheoryData<string, string, string?> Figures() => new()
    {
        // Without a group it is the global limit: 100 × 10/60 × 1.5 = 25 at once, and so on.
        { "f", "plain", "25 of 100/60" }, { "f", "read", "15 of 60/60" }, { "f", "write", "5 of 20/60" }, { "f", "search", "2 of 10/60" },
        { "f", "export", "1 of 2/3600" }, { "f", "bulk", null }, { "f", "webhooks", null },
        { "p", "plain", "333 of 1000/60" }, { "p", "read", "200 of 600/60" }, { "p", "write", "66 of 200/60" }, { "p", "search", "33 of 100/60" },
        { "p", "export", "1 of 20/3600" }, { "p", "bulk", null }, { "p", "webhooks", null },
        { "e", "plain", "5000 of 10000/60" }, { "e", "read", "3000 of 6000/60" }, { "e", "write", "1000 of 2000/60" }, { "e", "search", "500 of 1000/60" },
        { "e", "export", "1 of 200/3600" }, { "e", "bulk", "1 of 50/3600" }, { "e", "webhooks", null },
        { "b", "plain", "1666 of 5000/60" }, { "b", "read", "1000 of 3000/60" }, { "b", "write", "333 of 1000/60" }, { "b", "search", "166 of 500/60" },
        { "b", "export", "1 of 50/3600" }, { "b", "bulk", "1 of 100/3600" }, { "b", "webhooks", "3 of 10/60" },
    };

    /// <summary>The same for the other table, where a whole limit may come at once.</summary>
    public static TheoryData<string, string, string?> OtherFigures() => new()
    {
        { "f", "plain", "100 of 100/60" }, { "f", "search", "20 of 20/60" }, { "f", "export", "5 of 5/3600" },
        { "p", "plain", "1000 of 1000/60" }, { "p", "search", "200 of 200/60" }, { "p", "export", "50 of 50/3600" },
        { "e", "plain", "10000 of 10000/60" }, { "e", "search", "2000 of 2000/60" }, { "e", "export", "500 of 500/3600" },
        { "b", "plain", "5000 of 5000/60" }, { "b", "bulk", "100 of 100/3600" }, { "b", "webhooks", "10 of 10/60" },
    };

    [Theory]
    [MemberData(nameof(Figures))]
    public async Task A_tier_s_group_passes_its_burst_at_once_and_its_limit_in_its_window(string key, string group, string? figures)
    {
        await using var gateway = Start(Matrix, Groups);
        await HoldsAsync(gateway, key, group, figures);
    }

    [Theory]
    [MemberData(nameof(OtherFigures))]
    public async Task So_does_the_other_table_s(string key, string group, string? figures)
    {
        await using var gateway = Start(Other, "search", "export", "bulk", "webhooks");
        await HoldsAsync(gateway, key, group, figures);
    }

    private static async Task HoldsAsync(LimitedGateway gateway, string key, string group, string? figures)
    {
        var first = await gateway.AskAsync($"/web/{group}", key);
        if (figures is null)
        {
            Assert.Equal(403, first.Status);
            Assert.Contains("not-in-plan", first.Body);
            Assert.Contains($"t include {group}.", first.Body);
            return;
        }
        var (atOnce, limit, window) = figures.Replace(" of ", "/").Split('/') is [var a, var l, var w] ? (int.Parse(a), int.Parse(l), int.Parse(w)) : default;
        var passed = 1;
        while ((await gateway.AskAsync($"/web/{group}", key)).Passed)
        {
            passed++;
        }
        Assert.Equal(atOnce, passed);
        // As fast as it goes, to the end of the window: whoever waits as long as is told gets on.
        var elapsed = 0;
        while (true)
        {
            var answer = await gateway.AskAsync($"/web/{group}", key);
            if (answer.Passed)
            {
                passed++;
            }
            else if ((elapsed += answer.RetryAfter!.Value) >= window)
            {
                break;
            }
            else
            {
                gateway.Time.Advance(TimeSpan.FromSeconds(answer.RetryAfter!.Value));
            }
        }
        Assert.Equal(limit, passed);
    }

    [Theory]
    [InlineData("f", 100, 10)]
    [InlineData("p", 1000, 100)]
    public async Task The_global_limit_holds_over_groups_gates_and_routes(string key, int global, int search)
    {
        await using var gateway = Start(Other.Replace("search: 200", "search: 100").Replace("search: 20/", "search: 10/"), "search", "export", "bulk", "webhooks");
        Assert.Equal(search, await gateway.PassAsync(search + 20, "/web/search", key));
        // The other gate's route is of the same group, and so is used up too; what was refused counts nowhere.
        Assert.Equal(0, await gateway.PassAsync(20, "/partner/read", key));
        Assert.Equal(global - search, await gateway.PassAsync(global, "/web/plain", key));
        // A limit of its own is apart from the tier's.
        Assert.Equal(3, await gateway.PassAsync(5, "/partner/own", key));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("odd")]
    [InlineData(null)]
    public async Task Who_names_no_tier_or_one_that_isn_t_there_has_the_default(string? key)
    {
        await using var gateway = Start(Matrix, Groups);
        Assert.Equal(15, await gateway.PassAsync(30, "/web/read", key));
        Assert.Equal(403, (await gateway.AskAsync("/web/bulk", key)).Status);
        Assert.Equal(key is null ? 15 : 0, await gateway.PassAsync(30, "/web/read", key, from: "192.0.2.77"));
    }

    [Fact]
    public async Task A_group_that_a_tier_does_not_name_counts_globally_only()
    {
        await using var gateway = Start(Other, "search", "export", "bulk", "webhooks");
        Assert.Equal(100, await gateway.PassAsync(150, "/web/bulk", "f"));
        Assert.Equal(0, await gateway.PassAsync(3, "/web/plain", "f"));
    }

    [Fact]
    public async Task A_tier_without_a_global_limit_and_a_route_without_a_group_have_none()
    {
        await using var gateway = Start("tiers: { default: all, all: { groups: { g: 2/minute } }, f: { global: 1/minute } }", "g");
        Assert.Equal(2, await gateway.PassAsync(4, "/web/g"));
        var plain = await gateway.AskAsync("/web/plain");
        Assert.True(plain.Passed);
        Assert.Equal("", plain["RateLimit"]);
    }

    [Fact]
    public async Task What_is_told_is_true_of_the_next_requests()
    {
        await using var gateway = Start(Matrix, Groups);
        var first = await gateway.AskAsync("/web/read", "f");
        Assert.Equal("\"global\";q=100;w=60, \"global-burst\";q=25;w=15, \"read\";q=60;w=60, \"read-burst\";q=15;w=15", first["RateLimit-Policy"]);
        Assert.Equal("\"read-burst\";r=14;t=1", first["RateLimit"]);
        Assert.Equal(14, await gateway.PassAsync(30, "/web/read", "f"));
        var refused = await gateway.AskAsync("/web/read", "f");
        Assert.Equal(("\"read-burst\";r=0;t=1", 1), (refused["RateLimit"], refused.RetryAfter!.Value));
        // Of what the group has left nobody else's is taken: 15 of 25 are gone.
        Assert.Equal(5, await gateway.PassAsync(30, "/web/write", "f"));
        Assert.Equal(5, await gateway.PassAsync(30, "/web/plain", "f"));
        Assert.Equal("25", gateway.Metric("postern_rate_limit_decisions_total{gate=\"web\",tier=\"free\",group=\"\",outcome=\"refused\"}"));
        Assert.Equal("15", gateway.Metric("postern_rate_limit_decisions_total{gate=\"web\",tier=\"free\",group=\"read\",outcome=\"allowed\"}"));
        Assert.Equal("0", gateway.Metric("postern_rate_limit_decisions_total{gate=\"web\",tier=\"free\",group=\"bulk\",outcome=\"lacking\"}"));
        Assert.Null(gateway.Metric("postern_rate_limit_decisions_total{gate=\"web\",tier=\"free\",group=\"read\",outcome=\"lacking\"}"));
    }
}
