using Microsoft.AspNetCore.Http;
using Postern.Backends.Proxying;
using Postern.Pipeline;
using Postern.Tests.Upstreams.Balancing;
using Postern.Transforms;
using Postern.Upstreams.Balancing;

namespace Postern.Tests.Backends.Proxying;

public sealed class TargetsTests
{
    [Theory]
    [InlineData(95, 5)]
    [InlineData(50, 50)]
    [InlineData(1, 2)]
    public void Weights_are_exact_over_ten_thousand_requests(double a, double b)
    {
        var targets = new Targets([Target("a", (int)a), Target("b", (int)b)], sticky: null);
        var toA = Enumerable.Range(0, 10_000).Count(_ => Choose(targets, "10.0.0.1") == "a");
        Assert.InRange(toA / 100.0, (100 * a / (a + b)) - 0.1, (100 * a / (a + b)) + 0.1);
    }

    [Fact]
    public void Weights_are_exact_with_three_targets()
    {
        var targets = new Targets([Target("a", 70), Target("b", 20), Target("c", 10)], sticky: null);
        var counts = Enumerable.Range(0, 10_000).GroupBy(_ => Choose(targets, "x")).ToDictionary(g => g.Key, g => g.Count());
        Assert.InRange(counts["a"], 6990, 7010);
        Assert.InRange(counts["b"], 1990, 2010);
        Assert.InRange(counts["c"], 990, 1010);
    }

    [Fact]
    public void A_sticky_caller_stays_on_its_side()
    {
        var targets = new Targets([Target("a", 50), Target("b", 50)], By("ip"));
        foreach (var caller in Callers(200))
        {
            Assert.Single(Enumerable.Range(0, 20).Select(_ => Choose(targets, caller)).Distinct());
        }
    }

    [Fact]
    public void A_subscriber_of_IPv6_stays_on_one_side_whatever_address_of_the_64_is_used()
    {
        var targets = new Targets([Target("a", 50), Target("b", 50)], By("ip"));
        var sides = Enumerable.Range(0, 200).Select(net => Assert.Single(Enumerable.Range(1, 20).Select(host => Choose(targets, $"2001:db8:0:{net:x}::{host:x}")).Distinct()));
        Assert.Equal(2, sides.Distinct().Count());
    }

    [Fact]
    public void Sticky_callers_are_shared_by_weight()
    {
        var targets = new Targets([Target("a", 90), Target("b", 10)], By("ip"));
        var toB = Callers(10_000).Count(c => Choose(targets, c) == "b");
        Assert.InRange(toB, 850, 1150);
    }

    [Fact]
    public void When_weights_move_only_those_move_who_must()
    {
        var before = new Targets([Target("a", 90), Target("b", 10)], By("ip"));
        var after = new Targets([Target("a", 80), Target("b", 20)], By("ip"));
        var moved = 0;
        foreach (var caller in Callers(10_000))
        {
            var (was, now) = (Choose(before, caller), Choose(after, caller));
            Assert.False(was == "b" && now == "a", "b's share grew, so nobody leaves it");
            moved += was == now ? 0 : 1;
        }
        Assert.InRange(moved, 850, 1150);
    }

    [Fact]
    public void Weights_change_while_requests_come()
    {
        Target[] sides = [Target("a", 100), Target("b", 0)];
        var weights = new LiveWeights([.. sides.Select(s => s.Weighed)]);
        var (byTurn, byKey) = (new Targets(sides, sticky: null, weights), new Targets(sides, By("ip"), weights));
        Assert.All(Callers(1000), c => Assert.Equal(("a", "a"), (Choose(byTurn, c), Choose(byKey, c))));
        Assert.Null(weights.Set(new Dictionary<string, int> { ["b"] = 25, ["http://a/"] = 75 }, default));
        Assert.InRange(Callers(1000).Count(c => Choose(byTurn, c) == "b"), 249, 251);
        Assert.InRange(Callers(1000).Count(c => Choose(byKey, c) == "b"), 200, 300);
        Assert.Null(weights.Set(new Dictionary<string, int> { ["a"] = 0 }, default));
        Assert.All(Callers(1000), c => Assert.Equal(("b", "b"), (Choose(byTurn, c), Choose(byKey, c))));
    }

    [Theory]
    [InlineData("c", 1, "no target 'c' (there are: http://a/, http://b/)")]
    [InlineData("a", -1, "a weight is between 0 and 1000000, got -1 for 'a'")]
    [InlineData("a", 1_000_001, "a weight is between 0 and 1000000, got 1000001 for 'a'")]
    [InlineData("a", 0, "every weight would be 0, so nothing could be sent; give one target a weight")]
    public void Weights_that_make_no_sense_change_nothing(string name, int weight, string problem)
    {
        var weights = new LiveWeights([new("http://a/", "a", 1), new("http://b/", "b", 0)]);
        Assert.Equal(problem, weights.Set(new Dictionary<string, int> { ["b"] = 0, [name] = weight }, default));
        Assert.Equal([1, 0], weights.Now.Weights);
        Assert.Null(weights.Now.Since);
    }

    [Fact]
    public void Two_targets_of_one_upstream_are_told_apart_by_their_URLs()
    {
        var weights = new LiveWeights([new("http://a/new", "a", 1), new("http://a/old", "a", 1)]);
        Assert.Contains("name one by its URL", weights.Set(new Dictionary<string, int> { ["a"] = 1 }, default), StringComparison.Ordinal);
        Assert.Null(weights.Set(new Dictionary<string, int> { ["http://a/old"] = 9 }, default));
        Assert.Equal([1, 9], weights.Now.Weights);
    }

    [Theory]
    [InlineData("header:X-Device", "X-Device")]
    [InlineData("cookie:device", "Cookie")]
    public void Sticky_reads_headers_and_cookies(string by, string header)
    {
        var targets = new Targets([Target("a", 50), Target("b", 50)], By(by));
        var sides = Callers(100).Select(caller =>
        {
            var value = header == "Cookie" ? $"other=1; device={caller}" : caller;
            return Assert.Single(Enumerable.Range(0, 10).Select(_ => Choose(targets, "same", (header, value))).Distinct());
        });
        Assert.Equal(2, sides.Distinct().Count());
    }

    [Fact]
    public void A_known_consumer_stays_on_its_side_whatever_its_request()
    {
        var targets = new Targets([Target("a", 50), Target("b", 50)], By("consumer"));
        var sides = Callers(200).Select(id => Assert.Single(Callers(10).Select(address => ChooseFor(targets, "customers", id, address)).Distinct())).ToList();
        Assert.InRange(sides.Count(s => s == "a"), 70, 130);
        // Who is called the same by another way is another.
        Assert.Contains(Callers(200), id => ChooseFor(targets, "customers", id, "x") != ChooseFor(targets, "partners", id, "x"));
    }

    [Fact]
    public void Without_a_consumer_to_stick_to_a_request_takes_its_turn()
    {
        var targets = new Targets([Target("a", 50), Target("b", 50)], By("consumer"));
        Assert.Equal(500, Enumerable.Range(0, 1000).Count(_ => Choose(targets, "10.0.0.1") == "a"), 5.0);
    }

    [Theory]
    [InlineData(Balance.Random)]
    [InlineData(Balance.PowerOfTwo)]
    public async Task Which_target_a_request_goes_to_says_nothing_of_its_destination(Balance rule)
    {
        var targets = new Targets([Target("a", 50), Target("b", 50)], sticky: null);
        using var up = Balanced.Of(u => u.Destination("http://a:1").Destination("http://b:1").Balance(rule));
        var counts = new Dictionary<string, int>();
        for (var i = 0; i < 2000; i++)
        {
            var both = Choose(targets, "x") + await up.PickAsync();
            counts[both] = counts.GetValueOrDefault(both) + 1;
        }
        Assert.Equal(4, counts.Count);
        Assert.All(counts.Values, c => Assert.InRange(c, 440, 560));
    }

    private static StickyKey By(string text) => new(KeyedBy.Of(text)!.Value);

    private static string ChooseFor(Targets targets, string way, string id, string address) => targets.Choose(new DefaultHttpContext(), new Exchange
    {
        ClientAddress = address,
        Consumer = new Consumer { Id = id, Way = way, Claims = default },
    }).Upstream.Name;

    [Fact]
    public void A_request_without_the_sticky_header_takes_its_turn()
    {
        var targets = new Targets([Target("a", 50), Target("b", 50)], By("header:X-Device"));
        Assert.Equal(2, Enumerable.Range(0, 10).Select(_ => Choose(targets, "x")).Distinct().Count());
    }

    private static IEnumerable<string> Callers(int count) => Enumerable.Range(0, count).Select(i => $"10.1.{i / 250}.{i % 250}");

    private static string Choose(Targets targets, string address, params (string, string)[] headers)
    {
        var context = new DefaultHttpContext();
        foreach (var (name, value) in headers)
        {
            context.Request.Headers[name] = value;
        }
        return targets.Choose(context, new Exchange { ClientAddress = address }).Upstream.Name;
    }

    private static Target Target(string name, int weight) =>
        new(new UpstreamHandle(name, null!), UrlTemplate.Parse("/", []).Template!, weight, $"http://{name}/");
}
