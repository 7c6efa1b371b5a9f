using System.Text.RegularExpressions;
using Postern.Edge.RateLimiting;

namespace Postern.Tests.Edge.RateLimiting;

/// <summary>What answers tell of limits: its form (RFC 9651), and that it is true.</summary>
public sealed partial class LimitFieldsTests
{
    [Theory]
    [InlineData(LimitAlgorithm.SlidingWindow, 100, 60, 100, "\"x\";q=100;w=60")]
    [InlineData(LimitAlgorithm.FixedWindow, 1, 1, 1, "\"x\";q=1;w=1")]
    [InlineData(LimitAlgorithm.TokenBucket, 60, 60, 5, "\"x\";q=5;w=5")]
    [InlineData(LimitAlgorithm.TokenBucket, 1000, 1, 10, "\"x\";q=10;w=1")]
    [InlineData(LimitAlgorithm.TokenBucket, 1, 2592000, 50000000, "\"x\";q=50000000;w=129600000000000")]
    public void A_policy_is_the_quota_and_the_seconds_in_which_it_comes_back(LimitAlgorithm algorithm, long limit, int seconds, long capacity, string policy)
    {
        var said = LimitFields.Policy(new LimitRule("x", algorithm, limit, TimeSpan.FromSeconds(seconds), capacity));
        Assert.Equal(policy, said);
        Assert.Matches(Structured(), said);
    }

    public static TheoryData<string> Limits() =>
    [
        "3/s", "7/10s", "100/minute", "5/hour", "[2/s, 5/minute, 11/hour]",
        "{ allow: 7/minute, algorithm: fixedWindow }", "{ allow: 7/minute, algorithm: slidingLog }", "{ allow: 7/minute, algorithm: tokenBucket }",
        "{ allow: 7/minute, algorithm: tokenBucket, burst: 3 }", "{ allow: 1/hour, algorithm: tokenBucket, burst: 20 }",
        "{ allow: [5/10s, 9/minute], algorithm: slidingLog }", "{ allow: [5/10s, 9/minute], algorithm: tokenBucket, burst: 4 }",
    ];

    [Theory]
    [MemberData(nameof(Limits))]
    public async Task Who_waits_as_long_as_told_gets_on_and_no_sooner(string limit)
    {
        await using var gateway = Start(limit);
        var dice = new Random(4);
        for (var i = 0; i < 60; i++)
        {
            gateway.Time.Advance(TimeSpan.FromMilliseconds(dice.Next(1, 9000)));
            var path = dice.Next(4) == 0 ? "/dear" : "/a";
            var answer = await gateway.AskAsync(path);
            if (answer.Status != 429)
            {
                continue;
            }
            var wait = answer.RetryAfter!.Value;
            Assert.Equal(answer["RateLimit-Reset"], $"{wait}");
            Assert.EndsWith($";t={wait}", answer["RateLimit"], StringComparison.Ordinal);
            if (wait > 1)
            {
                gateway.Time.Advance(TimeSpan.FromSeconds(wait - 1));
                Assert.Equal(429, (await gateway.AskAsync(path)).Status);
            }
            gateway.Time.Advance(TimeSpan.FromSeconds(wait > 1 ? 1 : wait));
            Assert.Equal(200, (await gateway.AskAsync(path)).Status);
        }
    }

    [Theory]
    [MemberData(nameof(Limits))]
    public async Task What_remains_passes_and_no_more_and_all_of_it_is_there_after_the_reset(string limit)
    {
        // The reset is that of the limit told; of several, another may let less pass then.
        var several = limit.Contains(", ", StringComparison.Ordinal) && limit.Contains('[');
        await using var gateway = Start(limit);
        var dice = new Random(5);
        for (var i = 0; i < 30; i++)
        {
            gateway.Time.Advance(TimeSpan.FromMilliseconds(dice.Next(1, 20_000)));
            var answer = await gateway.AskAsync("/a");
            if (answer.Status != 200)
            {
                continue;
            }
            if (!several && dice.Next(2) == 0)
            {
                gateway.Time.Advance(TimeSpan.FromSeconds(int.Parse(answer["RateLimit-Reset"])));
                Assert.Equal(int.Parse(answer["RateLimit-Limit"]), await gateway.PassAsync(110, "/a"));
            }
            else
            {
                var remaining = int.Parse(answer["RateLimit-Remaining"]);
                Assert.Equal(remaining, await gateway.PassAsync(remaining + 5, "/a"));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Limits))]
    public async Task Every_limited_answer_has_all_the_fields_in_their_form(string limit)
    {
        await using var gateway = Start(limit);
        for (var i = 0; i < 12; i++)
        {
            var answer = await gateway.AskAsync("/a");
            Assert.Matches(Structured(), answer["RateLimit-Policy"]);
            Assert.Matches(Structured(), answer["RateLimit"]);
            Assert.StartsWith("\"default", answer["RateLimit"], StringComparison.Ordinal);
            Assert.EndsWith($";r={answer["RateLimit-Remaining"]};t={answer["RateLimit-Reset"]}", answer["RateLimit"], StringComparison.Ordinal);
            Assert.All(["RateLimit-Policy", "RateLimit", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"], name => Assert.Single(answer.Headers[name]));
            Assert.Equal(answer.Status == 429, answer.RetryAfter is > 0);
        }
    }

    private static LimitedGateway Start(string limit) => LimitedGateway.Start($$"""
        gates:
          web:
            identity: off
            rateLimit: {{limit}}
            routes:
              - { get: /a, respond: 200 }
              - { get: /dear, cost: 2, respond: 200 }
        """);

    /// <summary>A list of strings with parameters that are whole numbers of at most 15 digits.</summary>
    [GeneratedRegex("""\A("[ !#-\[\]-~]*"(;[a-z][a-z0-9]*=\d{1,15})+)(, ("[ !#-\[\]-~]*"(;[a-z][a-z0-9]*=\d{1,15})+))*\z""")]
    private static partial Regex Structured();
}
